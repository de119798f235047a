import type { ColumnPair } from '../compare/column-pair.ts';
import type { TableComparison } from '../compare/table-comparison.ts';
import { ident, literal } from '../connection/postgres.ts';
import type { Content } from '../verification/comparison.ts';

/** Keys that one signal names. */
const KEYS_PER_SIGNAL = 500;

/**
 * SQL for the source's signalling table, by which Debezium would publish the wrong rows anew: incremental snapshots of
 * type `execute-snapshot`, whose `additional-conditions` name the keys. It holds keys, and no other values. Nothing
 * runs it but a person. Rows that the sink has too many are not at the source to be published: a comment counts them.
 * @returns null where nothing is wrong that a record could mend.
 */
export function republishSql({ tables }: Content, now: Date = new Date()): string | null {
  const lines: string[] = [];
  let signals = 0;
  for (const { comparison } of tables) {
    if (comparison === null || comparison.wrong.length === 0) continue;
    const { id } = comparison.table;
    const keys = republished(comparison);
    const rest = comparison.wrong.length - keys.length;
    const counted = Object.values(comparison.counts).reduce((sum, count) => sum + count, 0);
    lines.push(`-- ${id}: ${keys.length} keys, of ${counted} wrong rows counted`);
    if (rest > 0) lines.push(`-- ${rest} of them are rows too many, or have no key: see --repair`);
    for (let at = 0; at < keys.length; at += KEYS_PER_SIGNAL) {
      const filter = filterOf(comparison.pair.key, keys.slice(at, at + KEYS_PER_SIGNAL));
      const data = {
        'data-collections': [id],
        type: 'incremental',
        'additional-conditions': [{ 'data-collection': id, filter }],
      };
      const name = `cdc-lab-verify-${now.getTime()}-${++signals}`;
      lines.push(
        'INSERT INTO public.debezium_signal (id, type, data) VALUES ' +
          `(${literal(name)}, 'execute-snapshot', ${literal(JSON.stringify(data))});`,
      );
    }
  }
  if (signals === 0) return null;
  const head = [
    '-- Has the wrong rows published anew. Look at it first; then run it at the source. It is written for the signal',
    "-- table of Debezium's source channel, public.debezium_signal (signal.data.collection).",
  ];
  return `${[...head, ...lines].join('\n')}\n`;
}

/** Keys that the source has a row of. */
function republished({ wrong, pair }: TableComparison): readonly (readonly string[])[] {
  if (pair.key.length === 0) return [];
  return wrong
    .filter(({ class: name, source }) => name !== 'extra' && name !== 'duplicate' && source.rows > 0)
    .map(({ keyText }) => JSON.parse(keyText) as string[]);
}

function filterOf(key: readonly ColumnPair[], keys: readonly (readonly string[])[]): string {
  const columns = key.map(({ source }) => ident(source.name)).join(', ');
  const values = keys.map(
    (own) => `(${own.map((value, i) => `${literal(value)}::${key[i]?.source.cast ?? 'text'}`).join(', ')})`,
  );
  return `(${columns}) IN (${values.join(', ')})`;
}
