import type { ConnectorView, FenceOutcome, PassFence } from './fence.ts';
import type { KafkaView } from './topic/kafka-view.ts';

/** Topic of each expected table, by the table's id at the source. */
export type TopicsByTable = ReadonlyMap<string, string>;

/** The pipeline between the two databases, as one verification sees it. */
export interface Pipeline {
  /** How the first fence of the verification ended. */
  readonly fence: FenceOutcome;
  readonly connectors: readonly ConnectorView[];
  topics(): Promise<TopicsByTable>;
  /** Null where no Kafka is configured. */
  kafka(): Promise<KafkaView | null>;
  /** Passes a further fence, to judge what differs while writes continue. */
  readonly passFence: PassFence;
}
