import { z } from 'zod';
import { type FindingClass, findingClassSchema, type Hop, hopSchema } from '../../verifier/report.ts';
import type { WorkerRole } from '../access/access.ts';
import { SINK_ENGINES, type SinkEngine, SOURCE_ENGINES, type SourceEngine } from '../lab/engines.ts';

/** The engines that something applies to; if left out, all. */
export interface Where {
  readonly source?: SourceEngine;
  readonly sink?: SinkEngine;
}

/** How a finding is named: `duplicate @sink`. */
export interface ClassAtHop {
  readonly class: FindingClass;
  readonly hop: Hop;
}

/** What a contract may demand beyond "the sink equals the source". */
export type Demand =
  /**
   * Every captured table has as many rows in the sink as it had before the injection. More is *duplicate* at the sink, fewer
   * *missing*. Judged where the verifier finds nothing wrong.
   */
  | { readonly kind: 'same-rows' }
  /** A query on the sink, whose `n` is at least this; else `breaks`. Judged where the verifier finds nothing wrong. */
  | {
      readonly kind: 'sink-count';
      readonly sql: string;
      readonly atLeast: number | 'rows';
      readonly breaks: ClassAtHop;
    }
  /** The source never keeps more WAL than this for the slot while the scenario runs; else *bound-exceeded*. */
  | { readonly kind: 'wal-retained'; readonly atMostBytes: number }
  /** Resident memory of that half's processes never grows by more than this over the steady state; else *bound-exceeded*. */
  | { readonly kind: 'rss-growth'; readonly of: WorkerRole; readonly atMostBytes: number }
  /** No snapshot sends rows faster than this, within 5 %; else *bound-exceeded* at the capture. */
  | { readonly kind: 'snapshot-rate'; readonly atMostRowsPerSecond: number }
  /** None of the workloads' transactions failed; else *writer-harmed* at the source. An unknown outcome is no failure. */
  | { readonly kind: 'writer-ok' }
  /**
   * The connector that a step `until-stopped` waits for is FAILED this soon after the step began. A later stop is
   * *bound-exceeded*; none at all is what the step makes of it: *silent*, *stalled* or,
   * for a worker that does not answer, *connector-failed*.
   */
  | { readonly kind: 'stops-within'; readonly connector: WorkerRole; readonly withinMs: number };

/** A clause of the contract. A broken one is a finding with class and hop in the result, which an expectation may name. */
export type Clause = Demand & { readonly why: string; readonly where?: Where };

const count = z.number().int().positive();
const worker = z.enum(['capture', 'sink']);
export const whereSchema = z
  .strictObject({ source: z.enum(SOURCE_ENGINES).optional(), sink: z.enum(SINK_ENGINES).optional() })
  .optional();
const own = { why: z.string().min(1), where: whereSchema };

/** {@link Clause}, and nothing that the runner would ignore. */
export const clauseSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('same-rows'), ...own }),
  z.strictObject({
    kind: z.literal('sink-count'),
    sql: z.string().min(1),
    atLeast: z.union([count, z.literal('rows')]),
    breaks: z.strictObject({ class: findingClassSchema, hop: hopSchema }),
    ...own,
  }),
  z.strictObject({ kind: z.literal('wal-retained'), atMostBytes: count, ...own }),
  z.strictObject({ kind: z.literal('rss-growth'), of: worker, atMostBytes: count, ...own }),
  z.strictObject({ kind: z.literal('snapshot-rate'), atMostRowsPerSecond: count, ...own }),
  z.strictObject({ kind: z.literal('writer-ok'), ...own }),
  z.strictObject({ kind: z.literal('stops-within'), connector: worker, withinMs: count, ...own }),
]);
