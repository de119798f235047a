import type { Database } from '../connection/postgres.ts';
import type { PassFence } from '../observe/fence.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { bucketCount, differingBuckets, digest, type Suspect } from './bucket-digest.ts';
import { Deadline } from './deadline.ts';
import { differingKeys } from './localise.ts';
import { Overrun, Pace } from './part-size.ts';
import { type Boundary, boundaryAfter, partOf } from './ranges.ts';
import { type Settled, settle, type WrongClass, type WrongRow } from './settle.ts';
import { pairTables, type TablePair } from './table-pair.ts';

/** What a comparison of one table found. */
export interface TableComparison {
  readonly table: Table;
  readonly pair: TablePair;
  readonly sourceRows: number;
  readonly sinkRows: number;
  /** Equal in the snapshots, or all that differed has settled as right. */
  readonly equal: boolean;
  /** Counts of all wrong rows by class, those beyond the listed ones included. */
  readonly counts: Readonly<Record<WrongClass, number>>;
  /** Wrong rows settled one by one: at most `maxSettledKeys`. */
  readonly wrong: readonly WrongRow[];
  /** Keys of which it could not be settled whether they are right. */
  readonly inFlight: readonly string[];
  /** Why not all was settled; null where it was. */
  readonly stopped: Settled['stopped'];
}

export interface CompareOptions {
  readonly passFence: PassFence;
  readonly maxSettledKeys: number;
  readonly settleRounds: number;
  readonly versionColumn: string;
  readonly signal: AbortSignal;
}

export interface ScanOptions {
  readonly maxSettledKeys: number;
  readonly signal: AbortSignal;
  /** No snapshot lives longer; a table that takes longer is scanned in ranges of its key. */
  readonly snapshotBoundMs: number;
  /** Of a range, however quick it may be; null: as many as the time allows. */
  readonly rowsPerPart: number | null;
}

/** What the scan of a table found: equal, or keys to be settled one by one. */
export interface ScannedTable {
  readonly table: Table;
  readonly pair: TablePair;
  readonly scan: Scan;
}

/**
 * Compares one table behind a fence: a grouped scan in one snapshot a side, then the rows of the buckets that differ.
 * @throws where a side cannot be read: the table then counts as not covered.
 */
export async function scanTable(
  source: Database,
  sink: Database,
  table: Table,
  sinkTable: Table | undefined,
  options: ScanOptions,
): Promise<ScannedTable> {
  if (!table.canSelect) throw new Error(`no SELECT privilege on ${table.id} at the source`);
  if (sinkTable !== undefined && !sinkTable.canSelect)
    throw new Error(`no SELECT privilege on ${table.id}'s copy`);
  const pair = pairTables(table, sinkTable);
  return { table, pair, scan: await scanBoth(source, sink, pair, options) };
}

/** Settles, behind further fences, what the scans found to differ. One answer per table, in their order. */
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
  const counts: Record<WrongClass, number> = { missing: 0, extra: 0, stale: 0, corrupted: 0, duplicate: 0 };
  for (const row of settled.wrong) counts[row.class] += row.count;
  const inFlight = [...settled.inFlight];
  addOverflow(counts, scan.beyond, settled, inFlight);
  const wrong = Object.values(counts).some((count) => count > 0);
  const { sourceRows, sinkRows } = scan;
  const equal = !wrong && inFlight.length === 0;
  return {
    table,
    pair,
    sourceRows,
    sinkRows,
    equal,
    counts,
    wrong: settled.wrong,
    inFlight,
    stopped: settled.stopped,
  };
}

export interface Scan {
  readonly sourceRows: number;
  readonly sinkRows: number;
  readonly suspects: readonly string[];
  readonly beyond: Readonly<Beyond>;
}
interface Gathered {
  sourceRows: number;
  sinkRows: number;
  readonly suspects: string[];
  readonly beyond: Beyond;
}
/** Suspects that are only counted, by how many rows each side has. */
interface Beyond {
  missing: number;
  extra: number;
  different: number;
  duplicate: number;
}

/** In as many snapshots as their bound makes necessary. @throws where not even a small part fits into one. */
async function scanBoth(
  source: Database,
  sink: Database,
  pair: TablePair,
  options: ScanOptions,
): Promise<Scan> {
  const pace = new Pace(options.rowsPerPart ?? undefined);
  const estimate = Math.max(pair.source.estimatedRows, pair.sink?.estimatedRows ?? 0, 0);
  const all: Gathered = { sourceRows: 0, sinkRows: 0, suspects: [], beyond: nothingBeyond() };
  let mustPart = false;
  let from = null as Boundary | null;
  do {
    const deadline = new Deadline(options.snapshotBoundMs);
    const rows = pace.rowsIn(deadline.leftMs);
    const isSmall = estimate > 0 && estimate <= rows && !mustPart;
    const isWhole = pair.key.length === 0 || (from === null && isSmall);
    const start = from as Boundary | null;
    try {
      from = await source.snapshot<Boundary | null>(() =>
        sink.snapshot(async () => {
          await deadline.arm(source, sink);
          const to: Boundary | null = isWhole
            ? null
            : await boundaryAfter({ source, sink }, pair, start, rows);
          const range = { from: start, to };
          const part = { pair: partOf(pair, range), rows: to === null && estimate > 0 ? estimate : rows };
          await scanPart(source, sink, part, { ...options, deadline }, all);
          return to;
        }),
      );
      pace.took(Math.min(rows, Math.max(all.sourceRows, 1)), deadline.boundMs - deadline.leftMs);
    } catch (error) {
      options.signal.throwIfAborted();
      const reason = deadline.explain(error);
      const tried = estimate > 0 ? Math.min(rows, estimate) : rows;
      if (!(reason instanceof Overrun) || pair.key.length === 0) throw reason;
      if (!pace.shrink(tried, deadline.boundMs)) throw reason;
      mustPart = true;
      from = start;
    }
  } while (from !== null);
  return all;
}

async function scanPart(
  source: Database,
  sink: Database,
  { pair, rows }: { pair: TablePair; rows: number },
  options: ScanOptions & { readonly deadline: Deadline },
  all: Gathered,
): Promise<void> {
  const buckets = bucketCount(pair, rows);
  const { deadline } = options;
  await deadline.arm(source, sink);
  const [ours, theirs] = await Promise.all([
    digest(source, pair.sides.source, buckets),
    digest(sink, pair.sides.sink, buckets),
  ]);
  const bad = differingBuckets(ours, theirs);
  const suspects: string[] = [];
  const beyond = nothingBeyond();
  if (bad.length > 0) {
    await deadline.arm(source, sink);
    const found = { bad, buckets, rows: Math.max(ours.rows, theirs.rows), knownRows: 0 };
    const most = options.maxSettledKeys - all.suspects.length;
    for await (const suspect of differingKeys(source, sink, pair, found, { most })) {
      options.signal.throwIfAborted();
      deadline.check();
      if (suspect.keyText !== null && suspects.length < most) suspects.push(suspect.keyText);
      else countBeyond(beyond, suspect);
    }
  }
  // Only now: a part that was given up is scanned again.
  all.sourceRows += ours.rows;
  all.sinkRows += theirs.rows;
  all.suspects.push(...suspects);
  for (const name of Object.keys(beyond) as (keyof Beyond)[]) all.beyond[name] += beyond[name];
}

function nothingBeyond(): Beyond {
  return { missing: 0, extra: 0, different: 0, duplicate: 0 };
}

function countBeyond(beyond: Beyond, { sourceRows, sinkRows }: Suspect): void {
  if (sinkRows === 0) beyond.missing += sourceRows;
  else if (sourceRows === 0) beyond.extra += sinkRows;
  else if (sinkRows > sourceRows) beyond.duplicate += sinkRows - sourceRows;
  else beyond.different++;
}

/**
 * Suspects beyond the bound are counted as what the settled ones turned out to be: where a class was found wrong and
 * nothing was in flight, the rest of it is too. Otherwise it is not known, and said so.
 */
function addOverflow(
  counts: Record<WrongClass, number>,
  beyond: Beyond,
  settled: Settled,
  inFlight: string[],
): void {
  const quiet = settled.inFlight.length === 0 && settled.stopped === null;
  const different: WrongClass = counts.stale > counts.corrupted ? 'stale' : 'corrupted';
  const classes: [number, WrongClass][] = [
    [beyond.missing, 'missing'],
    [beyond.extra, 'extra'],
    [beyond.duplicate, 'duplicate'],
    [beyond.different, different],
  ];
  for (const [count, name] of classes) {
    if (count === 0) continue;
    if (quiet && counts[name] > 0) counts[name] += count;
    else inFlight.push(`${count} more keys (${name})`);
  }
}
