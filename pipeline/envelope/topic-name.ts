/** Characters of Kafka's longest topic name. */
const MAX_LENGTH = 249;

/**
 * `PREFIX.SCHEMA.TABLE`, with `_` for each character that Kafka does not allow. As in Debezium, two tables whose
 * names differ only in such characters share a topic. Source: Debezium 3.6,
 * `AbstractTopicNamingStrategy.sanitizedTopicName`.
 */
export function topicName(prefix: string, schema: string, table: string): string {
  const name = [prefix, schema, table].filter((part) => part.trim() !== '').join('.');
  const legal = [...name.matchAll(/[\s\S]/g)].map(([c]) => (/[A-Za-z0-9._-]/.test(c) ? c : '_')).join('');
  return legal.slice(0, MAX_LENGTH);
}
