import type { Logger } from '../../contract/connector.ts';
import { LEAVE_OUT } from '../../contract/remedies.ts';
import type { TableName } from '../source/sql.ts';

/**
 * Warns of tables whose names differ only in characters that a topic's name cannot have: as in Debezium, their records
 * share a topic, and only the `source` block of an event tells them apart. Compaction and sinks that go by the topic mix
 * rows with equal keys.
 */
export function warnOfSharedTopics(
  tables: readonly TableName[],
  topicOf: (schema: string, table: string) => string,
  log: Logger,
): void {
  for (const [topic, names] of Map.groupBy(tables, (t) => topicOf(t.schema, t.table))) {
    if (names.length < 2) continue;
    const named = names.map((t) => `${t.schema}.${t.table}`).join(', ');
    log.warn(`Tables share the topic ${topic}: ${named}. Rows with equal keys replace each other in it.`, {
      topic,
      remedy: `Rename one, or give one a connector with another topic.prefix and ${LEAVE_OUT}.`,
    });
  }
}
