import { ident } from '../connection/postgres.ts';
import type { Column } from '../observe/source/catalogue.ts';
import { type ColumnHash, ofText, ofValue } from './hash.ts';
import { byteText, printed } from './types/canonical.ts';
import { type Conversion, conversionOf } from './types/configured.ts';
import { decide } from './types/decide.ts';

/**
 * SQL that compares a column of the source with its copy in the sink: the expressions are equal exactly if the values
 * are. It relies on the settings that `connection/postgres.ts` pins.
 */
export interface ColumnPair {
  readonly source: Column;
  /** Undefined if the sink lacks the column: it is then compared as NULL. */
  readonly sink: Column | undefined;
  /** Hash of the value itself if both sides have the same type, otherwise of its canonical text. */
  readonly sourceHash: ColumnHash;
  readonly sinkHash: ColumnHash;
  /** Canonical text, used to name the columns that differ. */
  readonly sourceText: string;
  readonly sinkText: string;
  /** Whether a cast of the canonical text to the column's type gives the value, so that an index can look up a key. */
  readonly castable: boolean;
  /** The source's canonical text is the text that the source prints, and that a record carries. */
  readonly asPrinted: boolean;
  /**
   * The sink's type beside the source's. `same`: the same type. `lossless`: another type that holds every value. `lossy`:
   * one that may not. `incomparable`: one whose values cannot be compared, so that both sides count as NULL. `absent`: the
   * sink lacks the column.
   */
  readonly types: 'same' | 'lossless' | 'lossy' | 'incomparable' | 'absent';
  /** When values of different types count as equal, in words that follow "equal if"; why they are incomparable. */
  readonly says: string | null;
  /** What a setting of the capture makes of the values: the copy must have that, or the value as it was. */
  readonly configured?: {
    readonly conversion: Conversion;
    /** At the source: the canonical text of a copy that has the value unchanged. */
    readonly unchangedText: string;
    /** Whether a copy may have the value unchanged: it has the same type. */
    readonly mayKeep: boolean;
  };
}

export function pairColumns(source: readonly Column[], sink: readonly Column[]): readonly ColumnPair[] {
  const byName = new Map(sink.map((column) => [column.name, column]));
  return source.map((column) => pairColumn(column, byName.get(column.name)));
}

const NOTHING = 'NULL::text';

function pairColumn(source: Column, sink: Column | undefined): ColumnPair {
  const at = ident(source.name);
  const own = { source, sink, castable: true, asPrinted: true, says: null };
  if (sink === undefined) {
    const text = ownText(at, source);
    return { ...own, ...comparedAs(text, NOTHING), types: 'absent' };
  }
  const decision = decide(source, sink);
  const conversion = sink.settings === undefined ? null : conversionOf(source, sink, sink.settings);
  if (conversion !== null) return underSetting({ source, sink }, conversion, decision.tag);
  if (decision.tag === 'incomparable') {
    return {
      ...own,
      ...comparedAs(NOTHING, NOTHING),
      types: decision.tag,
      says: decision.reason,
      asPrinted: false,
    };
  }
  const rule = decision.tag === 'same' ? null : decision.rule;
  if (rule !== null) {
    const { says, castable } = rule;
    const texts = comparedAs(plain(rule.source(at, source)), plain(rule.sink(at, sink)));
    return { ...own, ...texts, types: decision.tag, says, castable, asPrinted: rule.source === printed };
  }
  const text = ownText(at, source);
  // "char" is the only type whose text depends on the version of PostgreSQL: use its canonical text on both sides.
  if (source.type === 'char') return { ...own, ...comparedAs(text, text), types: decision.tag };
  const hash = ofValue(at, [source, sink]);
  return {
    ...own,
    ...{ sourceText: text, sinkText: text, sourceHash: hash, sinkHash: hash },
    types: decision.tag,
  };
}

function underSetting(
  { source, sink }: { readonly source: Column; readonly sink: Column },
  conversion: Conversion,
  tag: ColumnPair['types'],
): ColumnPair {
  const at = ident(source.name);
  const { rule, unchanged, change } = conversion;
  const mayKeep = change !== null && source.type === sink.type && source.keyRank === 0;
  return {
    ...{ source, sink, types: tag === 'incomparable' ? 'lossy' : tag },
    ...{ says: rule.says, castable: rule.castable, asPrinted: false },
    ...comparedAs(plain(rule.source(at, source)), plain(rule.sink(at, sink))),
    configured: { conversion, unchangedText: plain(unchanged(at, source)), mayKeep },
  };
}

type Compared = Pick<ColumnPair, 'sourceText' | 'sinkText' | 'sourceHash' | 'sinkHash'>;

function comparedAs(sourceText: string, sinkText: string): Compared {
  return { sourceText, sinkText, sourceHash: ofText(sourceText), sinkHash: ofText(sinkText) };
}

/** COLLATE "C" compares bytes: under a nondeterministic collation, different texts may be equal. */
function plain(expression: string): string {
  return `(${expression})::text COLLATE "C"`;
}

function ownText(at: string, { type }: Column): string {
  return plain(type === 'char' ? byteText(at) : at);
}
