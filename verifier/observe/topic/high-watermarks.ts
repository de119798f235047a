import type { KafkaConnection } from '../../connection/kafka.ts';
import type { Offsets } from '../offsets.ts';
import {
  type AnswerReader,
  array,
  askBroker,
  int32,
  type KafkaRequest,
  NO_TAGS,
  text,
} from './kafka-request.ts';

/** Timestamp that asks for the end. */
const LATEST = Buffer.alloc(8, 0xff);
/** Any consumer, any epoch of the leader. */
const ANY = int32(-1);

/**
 * The ends of partitions (`topic/partition`), with the records of transactions that are still open and everything behind
 * them. kafkajs only asks for the end of what is committed. Empty if the brokers require SASL.
 * @param brokers `host:port` of all brokers: a partition is asked about at its leader.
 * @throws if a broker does not answer.
 */
export async function highWatermarks(
  connection: Pick<KafkaConnection, 'tls' | 'sasl'>,
  brokers: readonly string[],
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): Promise<Offsets> {
  if (partitions.length === 0 || connection.sasl !== null) return new Map();
  const request = listOffsets(partitions);
  const answers = await Promise.all(brokers.map((broker) => askBroker(connection, broker, request)));
  return new Map(answers.flatMap((answer) => (answer === null ? [] : endsIn(answer))));
}

/** https://kafka.apache.org/protocol#The_Messages_ListOffsets, isolation level `read_uncommitted`. */
function listOffsets(
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): KafkaRequest {
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)];
  const body = array(topics, ([topic, own]) =>
    Buffer.concat([
      text(topic),
      array(own, ({ partition }) => Buffer.concat([int32(partition), ANY, LATEST, NO_TAGS])),
      NO_TAGS,
    ]),
  );
  return { api: 2, version: 6, body: Buffer.concat([ANY, Buffer.of(0), body, NO_TAGS]) };
}

function endsIn(reader: AnswerReader): [partition: string, end: bigint][] {
  const found: [string, bigint][] = [];
  reader.skip(4); // throttle time
  reader.array(() => {
    const topic = reader.text() ?? '';
    reader.array(() => {
      const partition = reader.int32();
      const error = reader.int16();
      reader.skip(8); // timestamp
      const end = reader.int64();
      reader.skip(4); // epoch of the leader
      reader.tags();
      // An error: another broker leads the partition.
      if (error === 0 && end >= 0n) found.push([`${topic}/${partition}`, end]);
    });
    reader.tags();
  });
  return found;
}
