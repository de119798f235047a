import { z } from 'zod';
import type { VerifierConfig } from './config.ts';
import type { Catalogues } from './observe/catalogues.ts';
import type { Databases } from './observe/connections.ts';
import type { LedgerComparison } from './observe/ledger/compare-ledger.ts';
import type { Pipeline } from './observe/pipeline.ts';
import { checkStatusSchema, findingSchema, type Report, verdictSchema } from './report.ts';
import type { Content } from './verification/comparison.ts';
import type { TopicLogView } from './verification/topic-log-view.ts';
import type { VerifierMemory } from './verification/verifier-memory.ts';

/** A check is one file in `checks/`. It is found by its folder and named after its file. */
export interface Check {
  readonly name: string;
  /** What the check proves, in one sentence. */
  readonly describe: string;
  /** True: the check is fair only once the pipeline has passed the progress fence, and is not run before. */
  readonly needsFence: boolean;
  /** A check that throws, does not end, or returns nothing is INCONCLUSIVE. */
  run(context: CheckContext): Promise<CheckResult>;
}

export const checkResultSchema = z.object({
  verdict: verdictSchema,
  /** `judged` unless it is given. */
  status: checkStatusSchema.optional(),
  detail: z.string(),
  findings: z.array(findingSchema),
  /** Number of orphans by table, for the tables of the report. */
  orphans: z.map(z.string(), z.number()).optional(),
  ledger: z.custom<NonNullable<Report['ledger']>>().optional(),
  deliveries: z.custom<NonNullable<Report['deliveries']>>().optional(),
});
export type CheckResult = z.infer<typeof checkResultSchema>;

/** What a check may read. A check takes the parts that it needs, and passes no more than those to its helpers. */
export interface CheckContext {
  readonly config: VerifierConfig;
  /** Aborted at the end of the verification's time. */
  readonly signal: AbortSignal;
  readonly databases: Databases;
  readonly pipeline: Pipeline;
  readonly evidence: Evidence;
  /** What earlier verifications have seen; undefined if there are none. */
  readonly memory?: VerifierMemory | undefined;
}

/** What several checks judge by. Each part is collected once in a verification, at the first call. */
export interface Evidence {
  catalogues(): Promise<Catalogues>;
  /** The comparison of all tables. */
  content(): Promise<Content>;
  /** What the records of all topics say. Null if there is no Kafka. */
  topicLog(): Promise<TopicLogView | null>;
  /** The ledger compared with the source. @throws where no ledger is configured. */
  ledger(): Promise<LedgerComparison>;
}

/** The result of a check that has found nothing wrong. */
export function pass(detail: string): CheckResult {
  return { verdict: 'PASS', detail, findings: [] };
}

/** The result of a check that has nothing to look at. @param detail What there is not, such as a ledger. */
export function notApplicable(detail: string): CheckResult {
  return { ...pass(detail), status: 'not-applicable' };
}
