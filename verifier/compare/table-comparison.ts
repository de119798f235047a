/**
 * `verifier/compare`: compares one table of the source with its copy in the sink.
 * In: a connection to each database, the table as each catalogue describes it, and a way to pass the progress fence.
 * Out: the number of wrong rows by class, and the first of them by key, with the columns that differ.
 * Promises: equal means equal, except for a collision of 64-bit hashes, and a row is called wrong only if the source's row
 *   stayed the same while the fence was passed. Memory is bounded whatever the table's size: no table is held in it.
 */

import type { Database } from '../connection/postgres.ts';
import type { PassFence } from '../observe/fence.ts';
import type { Table } from '../observe/source/catalogue.ts';
import type { Beyond, ScannedTable } from './scan-table.ts';
import { type Settled, settle, type WrongClass, type WrongRow } from './settle.ts';
import type { TablePair } from './table-pair.ts';

/** What a comparison of one table found. */
export interface TableComparison {
  readonly table: Table;
  readonly pair: TablePair;
  readonly sourceRows: number;
  readonly sinkRows: number;
  /** The snapshots were equal, or every difference turned out to be right. */
  readonly equal: boolean;
  /** Wrong rows by class, including those that are not listed. */
  readonly counts: Readonly<Record<WrongClass, number>>;
  /** Wrong rows that were settled one by one: at most `maxSettledKeys`. */
  readonly wrong: readonly WrongRow[];
  /** Keys that could be called neither right nor wrong. */
  readonly inFlight: readonly string[];
  /** Why settling stopped early; null if it did not. */
  readonly stopped: Settled['stopped'];
}

export interface CompareOptions {
  readonly passFence: PassFence;
  readonly maxSettledKeys: number;
  readonly settleRounds: number;
  readonly versionColumn: string;
  readonly signal: AbortSignal;
}

/** Settles, behind further fences, what the scans found to differ. @returns one answer per table, in their order. */
export async function settleTables(
  source: Database,
  sink: Database,
  scanned: readonly ScannedTable[],
  options: CompareOptions,
): Promise<readonly (TableComparison | Error)[]> {
  const suspected = scanned.map(({ pair, scan }) => ({ pair, suspects: scan.suspects }));
  const { passFence, versionColumn, settleRounds: rounds } = options;
  const settled = await settle(source, sink, suspected, { rounds, passFence, versionColumn });
  return scanned.map((one, i) => {
    const answer = settled[i] ?? new Error('it was not settled');
    return answer instanceof Error ? answer : summarise(one, answer);
  });
}

function summarise({ table, pair, scan }: ScannedTable, settled: Settled): TableComparison {
  const listed: Record<WrongClass, number> = { missing: 0, extra: 0, stale: 0, corrupted: 0, duplicate: 0 };
  for (const row of settled.wrong) listed[row.class] += row.count;
  const { counts, unsettled } = withBeyond(listed, scan.beyond, settled);
  const inFlight = [...settled.inFlight, ...unsettled];
  const isWrong = Object.values(counts).some((count) => count > 0);
  const { sourceRows, sinkRows } = scan;
  const { wrong, stopped } = settled;
  return {
    table,
    pair,
    sourceRows,
    sinkRows,
    equal: !isWrong && inFlight.length === 0,
    counts,
    wrong,
    inFlight,
    stopped,
  };
}

/**
 * Adds the suspects that were only counted. They are taken for what the settled ones of their class turned out to be: if
 * some of these are wrong and nothing was in flight, the rest of the class is wrong too. Otherwise they are unsettled.
 */
function withBeyond(
  listed: Readonly<Record<WrongClass, number>>,
  beyond: Readonly<Beyond>,
  settled: Settled,
): { counts: Record<WrongClass, number>; unsettled: readonly string[] } {
  const counts = { ...listed };
  const unsettled: string[] = [];
  const isQuiet = settled.inFlight.length === 0 && settled.stopped === null;
  const different: WrongClass = counts.stale > counts.corrupted ? 'stale' : 'corrupted';
  const classes: [number, WrongClass][] = [
    [beyond.missing, 'missing'],
    [beyond.extra, 'extra'],
    [beyond.duplicate, 'duplicate'],
    [beyond.different, different],
  ];
  for (const [count, name] of classes) {
    if (count === 0) continue;
    if (isQuiet && counts[name] > 0) counts[name] += count;
    else unsettled.push(`${count} more keys (${name})`);
  }
  return { counts, unsettled };
}
