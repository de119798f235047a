import type { Database } from '../connection/postgres.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { bucketCount, differingBuckets, digest } from './bucket-digest.ts';
import { Deadline, Overrun } from './deadline.ts';
import type { Suspect } from './drill-down.ts';
import { differingKeys } from './localise.ts';
import { PartSize } from './part-size.ts';
import { type Boundary, boundaryAfter, partOf } from './ranges.ts';
import { estimatedRows, pairTables, type TablePair } from './table-pair.ts';

export interface ScanOptions {
  /** Suspects that are listed by key; the others are only counted. */
  readonly maxSettledKeys: number;
  readonly signal: AbortSignal;
  /** No snapshot lives longer. A table that takes longer is scanned in ranges of its key. */
  readonly snapshotBoundMs: number;
  /** Upper bound for one range, however fast it may be; null: as many rows as the time allows. */
  readonly rowsPerPart: number | null;
}

/** A table, its copy, and what the scan of both found. */
export interface ScannedTable {
  readonly table: Table;
  readonly pair: TablePair;
  readonly scan: Scan;
}

/** What differs between two snapshots: perhaps wrong, perhaps only in flight. */
export interface Scan {
  readonly sourceRows: number;
  readonly sinkRows: number;
  /** Keys whose rows differ, to be settled one by one. */
  readonly suspects: readonly string[];
  /** Further keys whose rows differ, beyond `maxSettledKeys`. */
  readonly beyond: Readonly<Beyond>;
}

/** Suspects that are only counted, by how many rows each side has. */
export interface Beyond {
  missing: number;
  extra: number;
  different: number;
  duplicate: number;
}

export const NOTHING_BEYOND: Readonly<Beyond> = { missing: 0, extra: 0, different: 0, duplicate: 0 };
const NOTHING: Scan = { sourceRows: 0, sinkRows: 0, suspects: [], beyond: NOTHING_BEYOND };

/**
 * Scans a table and its copy: per-bucket digests in one snapshot of each side, then the rows of the buckets that differ.
 * @throws if a side cannot be read: the table then counts as not covered.
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
  return { table, pair, scan: await scanInParts(source, sink, pair, options) };
}

/** Scans in as many snapshots as their bound makes necessary. @throws if not even a small part fits into one. */
async function scanInParts(
  source: Database,
  sink: Database,
  pair: TablePair,
  options: ScanOptions,
): Promise<Scan> {
  const partSize = new PartSize(options.rowsPerPart ?? undefined);
  const estimate = estimatedRows(pair);
  let all = NOTHING;
  let mustPart = false;
  let from = null as Boundary | null;
  do {
    const deadline = new Deadline(options.snapshotBoundMs);
    const rows = partSize.rowsIn(deadline.leftMs);
    const isSmall = estimate > 0 && estimate <= rows && !mustPart;
    const isWhole = pair.key.length === 0 || (from === null && isSmall);
    const start = from as Boundary | null;
    try {
      const mostSuspects = options.maxSettledKeys - all.suspects.length;
      const range = { from: start, isWhole, rows, estimate, mostSuspects };
      const scanned = await scanFrom(source, sink, pair, range, deadline, options.signal);
      all = joinScans(all, scanned.scan);
      from = scanned.to;
      partSize.measured(Math.min(rows, Math.max(all.sourceRows, 1)), deadline.boundMs - deadline.leftMs);
    } catch (error) {
      options.signal.throwIfAborted();
      const reason = deadline.explain(error);
      const tried = estimate > 0 ? Math.min(rows, estimate) : rows;
      if (!(reason instanceof Overrun) || pair.key.length === 0) throw reason;
      if (!partSize.shrink(tried, deadline.boundMs)) throw reason;
      mustPart = true;
      from = start;
    }
  } while (from !== null);
  return all;
}

/** Where a part begins, and how large it may be. */
export interface PartToScan {
  readonly from: Boundary | null;
  /** The part extends to the end. */
  readonly isWhole: boolean;
  readonly rows: number;
  /** The planner's estimate for the table; 0 if it has none. */
  readonly estimate: number;
  readonly mostSuspects: number;
}

/** Scans the part of a table that begins at a key, in one snapshot of each side. @returns also where it ended. */
export async function scanFrom(
  source: Database,
  sink: Database,
  pair: TablePair,
  { from, isWhole, rows, estimate, mostSuspects }: PartToScan,
  deadline: Deadline,
  signal: AbortSignal,
): Promise<{ readonly to: Boundary | null; readonly scan: Scan }> {
  return await source.snapshot(() =>
    sink.snapshot(async () => {
      await deadline.arm(source, sink);
      const to = isWhole ? null : await boundaryAfter({ source, sink }, pair, from, rows);
      const part = {
        pair: partOf(pair, { from, to }),
        rows: to === null && estimate > 0 ? estimate : rows,
        mostSuspects,
      };
      return { to, scan: await scanPart(source, sink, part, deadline, signal) };
    }),
  );
}

/** Scans one part. Both databases must be inside a snapshot. @param part `rows`: about how many it has on a side. */
async function scanPart(
  source: Database,
  sink: Database,
  { pair, rows, mostSuspects }: { pair: TablePair; rows: number; mostSuspects: number },
  deadline: Deadline,
  signal: AbortSignal,
): Promise<Scan> {
  const buckets = bucketCount(pair, rows);
  await deadline.arm(source, sink);
  const [ours, theirs] = await Promise.all([
    digest(source, pair.sides.source, buckets),
    digest(sink, pair.sides.sink, buckets),
  ]);
  const bad = differingBuckets(ours, theirs);
  const suspects: string[] = [];
  const beyond = { ...NOTHING_BEYOND };
  if (bad.length > 0) {
    await deadline.arm(source, sink);
    const found = { bad, buckets, rows: Math.max(ours.rows, theirs.rows), knownRows: 0 };
    for await (const suspect of differingKeys(source, sink, pair, found, { most: mostSuspects })) {
      signal.throwIfAborted();
      deadline.check();
      if (suspect.keyText !== null && suspects.length < mostSuspects) suspects.push(suspect.keyText);
      else countBeyond(suspect, beyond);
    }
  }
  return { sourceRows: ours.rows, sinkRows: theirs.rows, suspects, beyond };
}

/** Adds a suspect to `beyond`, in place: there may be millions of suspects. */
export function countBeyond({ sourceRows, sinkRows }: Suspect, beyond: Beyond): void {
  if (sinkRows === 0) beyond.missing += sourceRows;
  else if (sourceRows === 0) beyond.extra += sinkRows;
  else if (sinkRows > sourceRows) beyond.duplicate += sinkRows - sourceRows;
  else beyond.different++;
}

function joinScans(one: Scan, two: Scan): Scan {
  return {
    sourceRows: one.sourceRows + two.sourceRows,
    sinkRows: one.sinkRows + two.sinkRows,
    suspects: [...one.suspects, ...two.suspects],
    beyond: {
      missing: one.beyond.missing + two.beyond.missing,
      extra: one.beyond.extra + two.beyond.extra,
      different: one.beyond.different + two.beyond.different,
      duplicate: one.beyond.duplicate + two.beyond.duplicate,
    },
  };
}
