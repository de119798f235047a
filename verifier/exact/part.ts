import type { Deadline } from '../compare/deadline.ts';
import type { KeyRange } from '../compare/ranges.ts';
import type { StateSpan, WrongClass } from '../compare/settle.ts';
import type { TableComparison } from '../compare/table-comparison.ts';
import type { TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';

export interface Snapshots {
  /** Inside the source's snapshot. */
  readonly source: Database;
  /** Inside the sink's snapshot, which was opened after the fence was passed. */
  readonly sink: Database;
  /** Another connection to the source, which evaluates expressions over values of the stream. */
  readonly control: Database;
}

export interface PartOptions {
  readonly maxSettledKeys: number;
  readonly versionColumn: string;
  readonly signal: AbortSignal;
  /** When the snapshots must end. */
  readonly deadline: Deadline;
  /** What lies between the snapshots: from the source's snapshot to the end of what was watched. Null: nothing does. */
  readonly span: StateSpan | null;
}

/** Which keys of a table to compare, and about how many rows they have. */
export interface Part {
  readonly range: KeyRange;
  readonly rows: number;
}

/** A table pair and its part. */
export interface PairPart {
  readonly whole: TablePair;
  readonly part: Part;
  /** The whole, limited to the part. */
  readonly pair: TablePair;
}

/** With a digest of all rows of each side, touched ones included: equal if the rows are equal. */
export interface DigestedComparison extends TableComparison {
  readonly digests: { readonly source: Sums; readonly sink: Sums };
}
export interface Sums {
  readonly rows: number;
  /** Sum of the rows' hashes, modulo 2^64. */
  readonly sum: bigint;
}

/** Joins the comparisons of two parts. At most `maxListed` wrong rows are kept; all are counted. */
export function joinParts(
  one: DigestedComparison,
  two: DigestedComparison,
  maxListed: number,
): DigestedComparison {
  const counts = { ...one.counts };
  for (const name of Object.keys(counts) as WrongClass[]) counts[name] += two.counts[name];
  const add = (a: Sums, b: Sums): Sums => ({
    rows: a.rows + b.rows,
    sum: BigInt.asIntN(64, a.sum + b.sum),
  });
  return {
    ...two,
    sourceRows: one.sourceRows + two.sourceRows,
    sinkRows: one.sinkRows + two.sinkRows,
    equal: one.equal && two.equal,
    counts,
    wrong: [...one.wrong, ...two.wrong].slice(0, maxListed),
    inFlight: [...one.inFlight, ...two.inFlight],
    digests: {
      source: add(one.digests.source, two.digests.source),
      sink: add(one.digests.sink, two.digests.sink),
    },
  };
}
