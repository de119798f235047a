import type { KafkaConnection } from '../../connection/kafka.ts';
import {
  type AnswerReader,
  array,
  askBroker,
  int32,
  type KafkaRequest,
  NO_TAGS,
  text,
} from './kafka-request.ts';

/** A transaction that a producer has begun in a partition and not ended: consumers of committed records wait for it. */
export interface OpenTransaction {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: bigint;
  /** Null: no broker knows it, as after its transaction log has lost it. */
  readonly transactionalId: string | null;
  /** Offset of its first record: nothing from here on is passed on to a consumer of committed records. */
  readonly firstOffset: bigint;
  /** Time of its last record, in milliseconds since the epoch. */
  readonly lastWriteMs: number;
}

type Producer = Omit<OpenTransaction, 'transactionalId'>;

/**
 * The open transactions of the partitions (`topic/partition`), with the names of their producers; kafkajs has no such
 * request. Empty if the brokers are older than Kafka 3.0, which knows none either, or require SASL.
 * @param brokers `host:port` of all brokers: a partition is asked about at its leader, a name at its coordinator.
 * @throws if a broker does not answer.
 */
export async function openTransactions(
  connection: Pick<KafkaConnection, 'tls' | 'sasl'>,
  brokers: readonly string[],
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): Promise<readonly OpenTransaction[]> {
  if (partitions.length === 0 || connection.sasl !== null) return [];
  const ask = (request: KafkaRequest) =>
    Promise.all(brokers.map((broker) => askBroker(connection, broker, request)));
  const open = (await ask(describeProducers(partitions))).flatMap((answer) =>
    answer === null ? [] : producersIn(answer),
  );
  if (open.length === 0) return [];
  const names = new Map<bigint, string>();
  for (const answer of await ask(LIST_TRANSACTIONS)) {
    if (answer !== null) for (const [id, name] of namesIn(answer)) names.set(id, name);
  }
  return open.map((one) => ({ ...one, transactionalId: names.get(one.producerId) ?? null }));
}

/** https://kafka.apache.org/protocol#The_Messages_DescribeProducers */
function describeProducers(
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): KafkaRequest {
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)];
  const body = array(topics, ([topic, own]) =>
    Buffer.concat([text(topic), array(own, ({ partition }) => int32(partition)), NO_TAGS]),
  );
  return { api: 61, version: 0, body: Buffer.concat([body, NO_TAGS]) };
}

function producersIn(reader: AnswerReader): Producer[] {
  const found: Producer[] = [];
  reader.skip(4); // throttle time
  reader.array(() => {
    const topic = reader.text() ?? '';
    reader.array(() => {
      const partition = reader.int32();
      reader.int16(); // error: another broker leads the partition
      reader.text();
      reader.array(() => {
        const producerId = reader.int64();
        reader.skip(4 + 4); // epoch, last sequence
        const lastWriteMs = Number(reader.int64());
        reader.skip(4); // coordinator epoch
        const firstOffset = reader.int64();
        reader.tags();
        // −1: it has no open transaction.
        if (firstOffset >= 0n) found.push({ topic, partition, producerId, firstOffset, lastWriteMs });
      });
      reader.tags();
    });
    reader.tags();
  });
  return found;
}

/** https://kafka.apache.org/protocol#The_Messages_ListTransactions: in any state, of any producer. */
const LIST_TRANSACTIONS: KafkaRequest = { api: 66, version: 0, body: Buffer.of(1, 1, 0) };

/** Transactional ids by producer id. */
function namesIn(reader: AnswerReader): Map<bigint, string> {
  const names = new Map<bigint, string>();
  reader.skip(4 + 2); // throttle time, error
  reader.array(() => reader.text()); // unknown filters
  reader.array(() => {
    const name = reader.text();
    const producerId = reader.int64();
    reader.text(); // state
    reader.tags();
    if (name !== null) names.set(producerId, name);
  });
  return names;
}
