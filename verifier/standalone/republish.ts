import type { ColumnPair } from '../compare/column-pair.ts';
import type { TableComparison } from '../compare/table-comparison.ts';
import { ident, literal } from '../connection/postgres.ts';
import type { Content } from '../verification/comparison.ts';
import { oneLine } from './repair-table.ts';

/** The most keys that one signal names. */
const KEYS_PER_SIGNAL = 500;

/**
 * Writes SQL for the source's signalling table that would make Debezium republish the wrong rows: signals of type
 * `execute-snapshot` that start incremental snapshots, with the keys in `additional-conditions`
 * (https://debezium.io/documentation/reference/stable/configuration/signalling.html). It contains keys and no other values.
 * Only a person runs it. Surplus rows of the sink do not exist at the source: a comment counts them.
 * @returns null if nothing is wrong that a record could repair.
 */
export function republishSql({ tables }: Content, now: Date = new Date()): string | null {
  const lines: string[] = [];
  let signals = 0;
  for (const { comparison } of tables) {
    if (comparison === null || comparison.wrong.length === 0) continue;
    const { id, schema, name: table } = comparison.table;
    // Debezium reads a name as a regular expression on the unquoted name.
    const collection = `${schema}.${table}`;
    const keys = republished(comparison);
    const rest = comparison.wrong.length - keys.length;
    const counted = Object.values(comparison.counts).reduce((sum, count) => sum + count, 0);
    lines.push(`-- ${oneLine(id)}: ${keys.length} keys, of ${counted} wrong rows counted`);
    if (rest > 0) lines.push(`-- ${rest} of them are surplus rows of the sink, or have no key: see --repair`);
    for (let at = 0; at < keys.length; at += KEYS_PER_SIGNAL) {
      const filter = filterOf(comparison.pair.key, keys.slice(at, at + KEYS_PER_SIGNAL));
      const data = {
        'data-collections': [collection],
        type: 'incremental',
        'additional-conditions': [{ 'data-collection': collection, filter }],
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
    '-- Republishes the wrong rows. Review it, then run it at the source. It writes to the signalling table of',
    "-- Debezium's source channel, public.debezium_signal (signal.data.collection).",
  ];
  return `${[...head, ...lines].join('\n')}\n`;
}

/** Keys of wrong rows that exist at the source. */
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
