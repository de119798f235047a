import type { Catalogues } from '../observe/catalogues.ts';
import type { Pipeline, TopicsByTable } from '../observe/pipeline.ts';
import type { Processed } from '../observe/sink/processed.ts';
import { type AdditiveColumn, additiveColumns } from '../observe/topic/additive-sums.ts';
import type { TopicLog, TopicView } from '../observe/topic/topic-log.ts';

/** What the topics' records say, beside what the sink says it has processed of them. */
export interface TopicLogView extends TopicView {
  /**
   * Read before the topics, so that all records that the sink counts are among those that were read. Null if the
   * sink keeps no totals.
   */
  readonly processed: readonly Processed[] | null;
  /** Reads the records that have arrived since. */
  again(): Promise<TopicView>;
}

interface TopicLogInputs {
  /** Null if the sink keeps no totals; an error where they could not be read. */
  readonly processed: readonly Processed[] | null | Error;
  readonly pipeline: Pick<Pipeline, 'kafka' | 'topics'>;
  readonly catalogues: () => Promise<Catalogues>;
  readonly signal: AbortSignal;
}

/**
 * Reads the records that `log` does not know yet.
 * @returns null if there is no Kafka.
 * @throws where the sink's totals could not be read, or Kafka does not answer.
 */
export async function readTopicLog(
  log: TopicLog,
  { processed, pipeline, catalogues, signal }: TopicLogInputs,
): Promise<TopicLogView | null> {
  // Sums are compared with what the sink says it has processed, and are of no use without that.
  const additive =
    processed === null ? new Map() : columnsByTopic(await catalogues(), await pipeline.topics());
  if (processed instanceof Error) throw processed;
  const kafka = await pipeline.kafka();
  if (kafka === null) return null;
  const names = [...(await pipeline.topics()).values()];
  const again = async (): Promise<TopicView> => await log.read(kafka, names, signal, additive);
  return { ...(await again()), processed, again };
}

/** Columns whose sums are followed, by topic. */
function columnsByTopic(
  catalogues: Catalogues,
  topics: TopicsByTable,
): ReadonlyMap<string, readonly AdditiveColumn[]> {
  const columns = additiveColumns(catalogues);
  return new Map([...topics].map(([id, topic]) => [topic, columns.get(id) ?? []]));
}
