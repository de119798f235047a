import { type Finding, finding, type Hop } from '../../verifier/report.ts';
import { bytesText, countOfText, durationText } from '../../verifier/units.ts';
import type { SnapshotRate } from '../access/snapshot-rate.ts';
import type { WorkloadSummary } from '../lab/lab.ts';
import type { Clause } from '../plugins/clause.ts';
import type { StopSeen } from '../plugins/ends.ts';
import type { Evidence } from '../plugins/fault.ts';
import { hopOf } from './stop.ts';

export interface ClauseResult {
  readonly clause: Clause;
  /** Null: nothing was seen by which to judge it. */
  readonly holds: boolean | null;
  /** The figures. */
  readonly detail: Evidence;
  /** Set if it does not hold. */
  readonly finding?: Finding;
}

/** A finding of the contract: the clause's reason, then what was seen. */
export function broken(
  { why }: Clause,
  own: Partial<Finding> & Pick<Finding, 'class' | 'hop' | 'detail'>,
): Finding {
  const detail = `the contract is broken (${why}): ${own.detail}`;
  return finding({ ...own, check: 'contract', verdict: 'FAIL', detail });
}

/** An amount that was sampled. @param bytes Undefined: it was never seen. */
export function bounded(
  clause: Clause,
  bytes: number | undefined,
  atMostBytes: number,
  { hop, said, sampled }: { hop: Hop; said: (bytes: string) => string; sampled: object | undefined },
): ClauseResult {
  if (bytes === undefined) return { clause, holds: null, detail: { seen: false } };
  const figures = { bytes, atMostBytes, ...sampled };
  if (bytes <= atMostBytes) return { clause, holds: true, detail: figures };
  const detail = `${said(bytesText(bytes))}, and ${bytesText(atMostBytes)} were allowed`;
  return {
    clause,
    holds: false,
    detail: figures,
    finding: broken(clause, { class: 'bound-exceeded', hop, count: bytes, detail }),
  };
}

/** A rate is measured, so that a bound that is kept to exactly may be exceeded by this. */
const RATE_TOLERANCE = 1.05;

/** The rate of the fastest snapshot. */
export function snapshotRate(
  clause: Extract<Clause, { readonly kind: 'snapshot-rate' }>,
  seen: SnapshotRate | undefined,
): ClauseResult {
  if (seen === undefined) return { clause, holds: null, detail: { snapshots: 0 } };
  const { atMostRowsPerSecond } = clause;
  const figures = { ...seen, atMostRowsPerSecond };
  const { rows, durationMs, rowsPerSecond } = seen;
  if (rowsPerSecond <= atMostRowsPerSecond * RATE_TOLERANCE) return { clause, holds: true, detail: figures };
  const detail =
    `a snapshot sent ${countOfText(rows, 'row')} in ${durationText(durationMs)}, ${rowsPerSecond} rows/s, and ` +
    `${atMostRowsPerSecond} rows/s were allowed`;
  const own = { class: 'bound-exceeded', hop: 'capture', count: rowsPerSecond, detail } as const;
  return { clause, holds: false, detail: figures, finding: broken(clause, own) };
}

/** What the workloads count: a failure is a transaction that the source refused or rolled back. */
export function writerOk(clause: Clause, writes: WorkloadSummary): ClauseResult {
  const { committed, failed, firstError = null } = writes;
  const figures = { committed, failed, firstError };
  if (committed + failed === 0) return { clause, holds: null, detail: figures };
  if (failed === 0) return { clause, holds: true, detail: figures };
  const because = firstError === null ? '' : `, the first because ${firstError}`;
  const detail = `${countOfText(failed, 'transaction')} of the application failed${because}`;
  return {
    clause,
    holds: false,
    detail: figures,
    finding: broken(clause, { class: 'writer-harmed', hop: 'source', count: failed, detail }),
  };
}

/** A stop that came too late. Whether one came at all is for `stopFindings` to say. */
export function stopsWithin(
  clause: Extract<Clause, { readonly kind: 'stops-within' }>,
  stops: readonly StopSeen[],
): ClauseResult {
  const { connector, withinMs } = clause;
  const seen = stops.findLast((stop) => stop.connector === connector);
  if (seen === undefined) return { clause, holds: null, detail: { waited: false } };
  const { afterMs, stopped, code } = seen;
  const figures = { stopped, afterMs, withinMs, code };
  if (!stopped) return { clause, holds: false, detail: figures };
  if (afterMs <= withinMs) return { clause, holds: true, detail: figures };
  const detail = `the ${connector} stopped after ${durationText(afterMs)}, and ${durationText(withinMs)} were allowed`;
  const hop = hopOf(connector);
  return {
    clause,
    holds: false,
    detail: figures,
    finding: broken(clause, { class: 'bound-exceeded', hop, count: afterMs, detail }),
  };
}
