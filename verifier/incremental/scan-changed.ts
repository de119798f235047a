import { setTimeout as sleep } from 'node:timers/promises';
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

/**
 * Pauses between looks at the keys that differ. Most of them are on their way to the sink; what still differs after the
 * last look is settled behind a fence, which takes longer.
 */
const PAUSES_MS = [0, 50, 150, 450];

/** Types whose values a stream prints as the comparison does. */
const PRINTED_ALIKE = new Set(['uuid', 'int2', 'int4', 'int8']);

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
  let suspects: readonly string[] = [...(await textsOf({ source, sink }, pair, keys, signal))];
  const seen = new Map<string, Set<string>>();
  for (const pauseMs of PAUSES_MS) {
    if (suspects.length === 0) break;
    if (pauseMs > 0) await sleep(pauseMs, undefined, { signal });
    const open: string[] = [];
    for (const some of batches(suspects)) {
      signal.throwIfAborted();
      open.push(...(await differing({ source, sink }, pair, some, seen)));
    }
    suspects = open;
  }
  const scan = { sourceRows: rows.source, sinkRows: rows.sink, suspects, beyond: NOTHING_BEYOND };
  return { table, pair, scan };
}

/** The keys as the comparison names them. */
async function textsOf(
  { source, sink }: Sides,
  pair: TablePair,
  keys: KeysToCompare,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const texts = new Set(keys.open);
  const isAlike = pair.key.every((own) => own.types === 'same' && PRINTED_ALIKE.has(own.source.type));
  if (isAlike) {
    for (const key of [...keys.source, ...keys.sink]) texts.add(asPrinted(key));
    return texts;
  }
  for (const [side, database] of [
    ['source', source],
    ['sink', sink],
  ] as const) {
    for (const some of batches([...keys[side]])) {
      signal.throwIfAborted();
      for (const { text } of await resolveKeys(database, pair, some, { side })) texts.add(text);
    }
  }
  return texts;
}

/** A JSON array as PostgreSQL prints a jsonb. */
function asPrinted(key: string): string {
  const values = JSON.parse(key) as string[];
  return `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
}

function* batches(keys: readonly string[]): Generator<readonly string[]> {
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) yield keys.slice(i, i + KEYS_PER_QUERY);
}

const NO_ROW = '';

/**
 * The keys whose row in the sink is none that the source has shown.
 * @param seen What the source has shown of each key since the streams were read; it is added to. The sink may show any of
 *   it: what was written later is in the streams, and is compared the next time.
 */
async function differing(
  { source, sink }: Sides,
  pair: TablePair,
  keys: readonly string[],
  seen: Map<string, Set<string>>,
): Promise<readonly string[]> {
  const [ours, theirs] = await Promise.all([
    hashesOf(source, pair, 'source', keys),
    hashesOf(sink, pair, 'sink', keys),
  ]);
  return keys.filter((key) => {
    const shown = theirs.get(key) ?? NO_ROW;
    const now = ours.get(key) ?? NO_ROW;
    if (now === shown) return false;
    const before = seen.get(key) ?? new Set();
    seen.set(key, before.add(now));
    return !before.has(shown);
  });
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
