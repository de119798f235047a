import type { KafkaConnection } from '../../connection/kafka.ts';
import { answerReader, array, askBroker, framed, type KafkaRequest, NO_TAGS, text } from './kafka-request.ts';

/**
 * Ids of topics, as 32 hex digits. A topic that is deleted and created again has the same name and another id. kafkajs
 * does not report ids. Empty if the broker is older than Kafka 3.1, which does not know Metadata requests of version 12,
 * or if it requires SASL.
 * @throws if the broker does not answer.
 */
export async function topicIds(
  connection: KafkaConnection,
  topics: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const [broker = ''] = connection.bootstrapServers;
  if (topics.length === 0 || connection.sasl !== null) return new Map();
  const answer = await askBroker(connection, broker, metadata(topics));
  return answer === null ? new Map() : idsIn(answer);
}

/** A topic id in any of its spellings (UUID, or Kafka's base64) as 32 hex digits. */
export function normalTopicId(id: string): string {
  if (/^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(id)) return id.replaceAll('-', '').toLowerCase();
  return Buffer.from(id, 'base64url').toString('hex');
}

/** https://kafka.apache.org/protocol#The_Messages_Metadata. The version is flexible: lengths are varints plus one. */
export function metadataRequest(topics: readonly string[]): Buffer {
  return framed(metadata(topics));
}

function metadata(topics: readonly string[]): KafkaRequest {
  // A zero id means that the topic is given by name.
  const names = array(topics, (topic) => Buffer.concat([Buffer.alloc(16), text(topic), NO_TAGS]));
  // Do not create topics; no authorized operations; no tagged fields.
  return { api: 3, version: 12, body: Buffer.concat([names, Buffer.of(0, 0, 0)]) };
}

/** @throws if the answer is truncated. */
export function readTopicIds(answer: Buffer): ReadonlyMap<string, string> {
  return idsIn(answerReader(answer));
}

function idsIn(reader: ReturnType<typeof answerReader>): ReadonlyMap<string, string> {
  reader.skip(4); // throttle time
  reader.array(() => {
    reader.skip(4);
    reader.text();
    reader.skip(4);
    reader.text();
    reader.tags();
  });
  reader.text(); // cluster id
  reader.skip(4); // controller
  const ids = new Map<string, string>();
  reader.array(() => {
    const error = reader.int16();
    const name = reader.text();
    const id = reader.bytes(16).toString('hex');
    reader.skip(1);
    reader.array(() => {
      reader.skip(2 + 4 + 4 + 4);
      for (let list = 0; list < 3; list++) reader.array(() => reader.skip(4));
      reader.tags();
    });
    reader.skip(4);
    reader.tags();
    if (error === 0 && name !== null) ids.set(name, id);
  });
  return ids;
}
