import { z } from 'zod';
import type { VerifierConfig } from './config.ts';
import type { Catalogues } from './observe/catalogues.ts';
import type { ConnectorView, FenceOutcome, PassFence } from './observe/fence.ts';
import type { Connections } from './observe/pipeline-progress.ts';
import type { Processed } from './observe/sink/processed.ts';
import type { TopicView } from './observe/topic/topic-log.ts';
import { findingSchema, type Report, verdictSchema } from './report.ts';
import type { Content } from './verification/comparison.ts';
import type { VerifierMemory } from './verification/verifier-memory.ts';

/** A check: one file in `checks/`, found by its folder, named as the file. */
export interface Check {
  readonly name: string;
  /** What it proves, in one sentence. */
  readonly describe: string;
  /** True: only fair behind the progress fence; before it, the check is not run. */
  readonly needsFence: boolean;
  /** A check that throws, does not end, or returns nothing is INCONCLUSIVE. */
  run(context: CheckContext): Promise<CheckResult>;
}

export const checkResultSchema = z.object({
  verdict: verdictSchema,
  detail: z.string(),
  findings: z.array(findingSchema),
  /** Orphans by table: for the table rows of the report. */
  orphans: z.map(z.string(), z.number()).optional(),
  ledger: z.custom<NonNullable<Report['ledger']>>().optional(),
  deliveries: z.custom<NonNullable<Report['deliveries']>>().optional(),
});
export type CheckResult = z.infer<typeof checkResultSchema>;

export interface TopicLogView extends TopicView {
  /** Null where the sink keeps no totals. */
  readonly processed: readonly Processed[] | null;
  /** Reads what has come since. */
  again(): Promise<TopicView>;
}

export interface CheckContext extends Connections {
  readonly config: VerifierConfig;
  readonly signal: AbortSignal;
  readonly fence: FenceOutcome;
  readonly connectors: readonly ConnectorView[];
  /** Topic of each expected table. */
  readonly topics: () => Promise<ReadonlyMap<string, string>>;
  readonly catalogues: () => Promise<Catalogues>;
  /** The comparison of all tables; made once, whoever asks first. */
  readonly content: () => Promise<Content>;
  /**
   * What all records of the topics together say; read once, whoever asks first. Null where there is no Kafka. What the
   * sink says that it has processed was read before: all of that is among the records.
   */
  readonly topicLog: () => Promise<TopicLogView | null>;
  /** What the verification before has seen; undefined where each stands alone. */
  readonly memory?: VerifierMemory | undefined;
  /** Passes another progress fence, for judging what differs while writes go on. */
  readonly passFence: PassFence;
}

/** All is well. */
export function pass(detail: string): CheckResult {
  return { verdict: 'PASS', detail, findings: [] };
}
