import { NOTHING_BEYOND, type ScannedTable } from '../compare/scan-table.ts';
import { pairTables, type TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import { hashRows, resolveKeys } from '../exact/versions.ts';
import type { Table } from '../observe/source/catalogue.ts';

/** The keys of a table that must be compared. */
export interface KeysToCompare {
  /** As the source's stream names them. */
  readonly source: ReadonlySet<string>;
  /** As the sink's stream names them. */
  readonly sink: ReadonlySet<string>;
  /** As the comparison names them: what was wrong or in flight, or differed in the background's scan. */
  readonly open: ReadonlySet<string>;
}

/** Keys of one statement, which an index looks up one by one. */
const KEYS_PER_QUERY = 1_000;

interface Sides {
  readonly source: Database;
  readonly sink: Database;
}

/** Compares some keys of a table. @returns those whose rows differ, to be settled; `rows`: what each side has in total. */
export async function scanChanged(
  { source, sink }: Sides,
  table: Table,
  copy: Table,
  keys: KeysToCompare,
  rows: { readonly source: number; readonly sink: number },
  signal: AbortSignal,
): Promise<ScannedTable> {
  const pair = pairTables(table, copy);
  const texts = new Set(keys.open);
  for (const [side, database] of [
    ['source', source],
    ['sink', sink],
  ] as const) {
    for (const some of batches([...keys[side]])) {
      signal.throwIfAborted();
      for (const { text } of await resolveKeys(database, pair, some, { side })) texts.add(text);
    }
  }
  const suspects: string[] = [];
  for (const some of batches([...texts])) {
    signal.throwIfAborted();
    suspects.push(...(await differing({ source, sink }, pair, some)));
  }
  const scan = { sourceRows: rows.source, sinkRows: rows.sink, suspects, beyond: NOTHING_BEYOND };
  return { table, pair, scan };
}

function* batches(keys: readonly string[]): Generator<readonly string[]> {
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) yield keys.slice(i, i + KEYS_PER_QUERY);
}

async function differing(
  { source, sink }: Sides,
  pair: TablePair,
  keys: readonly string[],
): Promise<readonly string[]> {
  const [ours, theirs] = await Promise.all([
    hashesOf(source, pair, 'source', keys),
    hashesOf(sink, pair, 'sink', keys),
  ]);
  return keys.filter((key) => ours.get(key) !== theirs.get(key));
}

/** Hashes of the rows of each key that has any, in one text. */
async function hashesOf(
  database: Database,
  pair: TablePair,
  side: 'source' | 'sink',
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await hashRows(database, pair, side, 1, keys);
  const byKey = Map.groupBy(rows, ({ text }) => text);
  return new Map(
    [...byKey].map(([key, own]) => [
      key,
      own
        .map(({ hash }) => String(hash))
        .sort()
        .join(),
    ]),
  );
}
