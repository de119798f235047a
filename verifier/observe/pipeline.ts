import type { ConnectorView, FenceOutcome, PassFence } from './fence.ts';
import type { KafkaView } from './topic/kafka-view.ts';

/** Topic of each expected table, by the table's id at the source. */
export type TopicsByTable = ReadonlyMap<string, string>;

/** Topics that several tables share, with the ids of these: whose a record is cannot be told by its topic. */
export function sharedTopics(topics: TopicsByTable): ReadonlyMap<string, readonly string[]> {
  const tables = Map.groupBy(topics.keys(), (id) => topics.get(id) ?? '');
  return new Map([...tables].filter(([, ids]) => ids.length > 1));
}

/** `the topic p.a.b.c carries "a.b".c and a."b.c", …` */
export function sharedSentence(topic: string, ids: readonly string[]): string {
  return `the topic ${topic} carries ${ids.join(' and ')}, whose records cannot be told apart`;
}

/** The pipeline between the two databases, as one verification sees it. */
export interface Pipeline {
  /** How the first fence of the verification ended. */
  readonly fence: FenceOutcome;
  readonly connectors: readonly ConnectorView[];
  topics(): Promise<TopicsByTable>;
  /** Null if no Kafka is configured. */
  kafka(): Promise<KafkaView | null>;
  /** Passes a further fence, to judge what differs while writes continue. */
  readonly passFence: PassFence;
}
