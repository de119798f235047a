/**
 * `harness/contract`: what a scenario demands beyond equal tables: bounds on WAL, memory and time, stops, unharmed writers.
 * In: the clauses of a scenario, and what was sampled and waited for while it ran.
 * Out: for each clause whether it holds, with the figure; for a broken one a finding with class and hop.
 * Promises: a clause about which nothing was seen does not hold: it is not judged, and the run is INCONCLUSIVE.
 */

import { unreachable } from '../../pipeline/contract/unreachable.ts';
import type { Access } from '../access/access.ts';
import type { Instance, WorkloadSummary } from '../lab/lab.ts';
import type { Clause } from '../plugins/clause.ts';
import type { StopSeen } from '../plugins/ends.ts';
import type { Tunables } from '../plugins/scenario.ts';
import { bounded, type ClauseResult, snapshotRate, stopsWithin, writerOk } from './judge-figures.ts';
import { type Baseline, sameRows, sinkCount } from './judge-rows.ts';
import { rssOf, WAL } from './probes.ts';
import type { Sampler } from './sampler.ts';
import { hopOf } from './stop.ts';

/** What was seen of a run besides the verifier's report. */
export interface Seen {
  readonly access: Access;
  readonly instance: Instance;
  readonly tunables: Tunables;
  readonly baseline: Baseline | null;
  readonly sampled: Pick<Sampler, 'of'>;
  readonly stops: readonly StopSeen[];
  /** Of all workloads that have ended, together. */
  readonly writes: WorkloadSummary;
  /** Ends a look at the topics. */
  readonly signal: AbortSignal;
}

/** Whether the clause compares rows of the sink, which says nothing where the verifier has found some wrong. */
export function comparesRows({ kind }: Clause): boolean {
  return kind === 'same-rows' || kind === 'sink-count';
}

/** Judges one clause of a contract. */
export async function judgeClause(clause: Clause, seen: Seen): Promise<ClauseResult> {
  const { access, instance, baseline, sampled, stops, tunables, writes } = seen;
  switch (clause.kind) {
    case 'same-rows':
      return await sameRows(clause, baseline, access, instance);
    case 'sink-count':
      return await sinkCount(clause, tunables, access);
    case 'wal-retained': {
      const wal = sampled.of(WAL);
      const said = (bytes: string): string => `the source kept ${bytes} of WAL for the slot`;
      return bounded(clause, wal?.most, clause.atMostBytes, { hop: 'capture', said, sampled: wal });
    }
    case 'rss-growth': {
      const { of: worker, atMostBytes } = clause;
      const rss = sampled.of(rssOf(worker));
      const grewBytes = rss === undefined ? undefined : rss.most - rss.first;
      const said = (bytes: string): string => `the memory of the ${worker} grew by ${bytes}`;
      return bounded(clause, grewBytes, atMostBytes, { hop: hopOf(worker), said, sampled: rss });
    }
    case 'snapshot-rate':
      return snapshotRate(clause, await access.fastestSnapshot(seen.signal));
    case 'writer-ok':
      return writerOk(clause, writes);
    case 'stops-within':
      return stopsWithin(clause, stops);
    default:
      return unreachable(clause, 'clause');
  }
}
