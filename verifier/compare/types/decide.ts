/**
 * `verifier/compare/types`: decides how a column is compared with a copy that has another type.
 * In: the column at the source and its copy, as the catalogues describe them.
 * Out: same, lossless or lossy with the SQL that makes the values comparable, or why they are not comparable.
 * Promises: equal values have equal texts under the rule; a value that lost something has another text than its original;
 *   a pair of types without a rule is never taken for equal.
 */

import type { Column } from '../../observe/source/catalogue.ts';
import { elementOf, elements } from './canonical.ts';
import { isAsLong } from './capacity.ts';
import { ARRAY_IN_JSON, ENTRIES, ENUMS, type Entry, JSON_ELEMENTS, JSONS, SAME_TYPE } from './type-pairs.ts';
import type { Decision } from './type-rule.ts';

/** Decides how a column of the source is compared with its copy in the sink. */
export function decide(source: Column, sink: Column): Decision {
  if (source.type === sink.type) return decideLength(source, sink);
  if (isArray(source) && isArray(sink)) return decideElements(source, sink);
  const [from, to] = [nameOf(source), nameOf(sink)];
  const entry = ENTRIES.find(
    (one) =>
      one.from?.includes(from) !== false &&
      one.to?.includes(to) !== false &&
      one.when?.(source, sink) !== false,
  );
  if (entry !== undefined) return byEntry(entry, source, sink);
  if (source.kind === 'e' && sink.kind === 'e') return byEntry(ENUMS, source, sink);
  if (isArray(source) && JSON_ELEMENTS.includes(source.type.slice(1)) && JSONS.includes(to)) {
    return byEntry(ARRAY_IN_JSON, source, sink);
  }
  return { tag: 'incomparable', reason: `no rule makes ${source.cast} and ${sink.cast} comparable` };
}

function byEntry({ holds, rule }: Pick<Entry, 'holds' | 'rule'>, source: Column, sink: Column): Decision {
  const isHeld = typeof holds === 'boolean' ? holds : holds(source, sink);
  return { tag: isHeld ? 'lossless' : 'lossy', rule };
}

/** The same type, perhaps with another length or precision, as in `varchar(n)` or `numeric(p,s)`. */
function decideLength(source: Column, sink: Column): Decision {
  if (castOf(source) === castOf(sink) || !castOf(sink).includes('(')) return { tag: 'same' };
  const own = SAME_TYPE[nameOf(source)];
  if (own !== undefined) return byEntry(own, source, sink);
  if (isArray(source) && SAME_TYPE[source.type.slice(1)] !== undefined) return decideElements(source, sink);
  return { tag: isAsLong(source, sink) ? 'lossless' : 'lossy', rule: null };
}

function decideElements(source: Column, sink: Column): Decision {
  const element = decide(elementOf(source), elementOf(sink));
  if (element.tag === 'same' || element.tag === 'incomparable' || element.rule === null) return element;
  const { says, source: ours, sink: theirs } = element.rule;
  const rule = {
    says: `${says}, in each element`,
    source: elements(ours),
    sink: elements(theirs),
    castable: false,
  };
  return { tag: element.tag, rule };
}

function isArray({ type }: Column): boolean {
  return type.startsWith('_');
}

/** Extensions whose types have rules. Another type with a schema is a user's, and may have the name of a known one. */
const EXTENSIONS = ['citext', 'hstore'];

function nameOf({ type, cast }: Column): string {
  return cast.includes('.') && !EXTENSIONS.includes(type) ? cast : type;
}

/** Microseconds are the full precision of times and intervals: `timestamptz(6)` is `timestamptz`. */
function castOf({ type, cast }: Column): string {
  return /^(time|interval)/.test(type) ? cast.replace('(6)', '') : cast;
}
