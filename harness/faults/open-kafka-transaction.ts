import { z } from 'zod';
import { type KafkaConnection, plainKafka } from '../../verifier/connection/kafka.ts';
import { highWatermarks } from '../../verifier/observe/topic/high-watermarks.ts';
import { type OpenTransaction, openTransactions } from '../../verifier/observe/topic/open-transactions.ts';
import type { Access } from '../access/access.ts';
import { kafkaClient } from '../access/live-access.ts';
import type { Instance } from '../lab/lab.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** Longer than a scenario. A broker aborts the transaction then, even if its producer is gone. */
const TRANSACTION_MS = 10 * 60_000;
const PARTITION = 0;

/**
 * A producer writes to a table's topic in a transaction and dies before it ends it. A consumer of committed records gets
 * nothing that was written to that partition since, although the topic has it all. A producer of the same name aborts the
 * transaction, also from another process: so it is healed.
 */
export default defineFault({
  description: 'leave a Kafka transaction open in the topic of a table',
  params: z.strictObject({ table: z.string().regex(/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/) }),
  example: { table: 'public.customers' },
  needs: [],
  touches: ['instance'],

  async observe({ instance }, { table }) {
    return { open: (await ownIn(instance, topicIn(instance, table))).length };
  },

  async inject({ access, instance, signal, withinMs }, { table }) {
    const topic = topicIn(instance, table);
    await using producer = await connected(instance);
    const transaction = await producer.client.transaction();
    // Nobody gets to see it: it is never committed.
    await transaction.send({
      topic,
      messages: [{ partition: PARTITION, key: null, value: 'never committed' }],
    });
    const held = async () => {
      const [open] = await ownIn(instance, topic);
      return open === undefined ? undefined : await heldBack(access, instance, open);
    };
    const what = `records of ${topic} to wait behind the transaction`;
    await until(held, { what, withinMs, everyMs: 100, signal });
    return { topic, partition: PARTITION };
  },

  async prove({ access, instance }, { table }, before) {
    const [open] = await ownIn(instance, topicIn(instance, table));
    if (open === undefined || before.open !== 0) return undefined;
    return await heldBack(access, instance, open);
  },

  async heal({ instance }) {
    if (!hasKafka(instance)) return { said: 'there is no Kafka', evidence: {} };
    await using producer = await connected(instance);
    // The broker aborts what the last producer of this name left open.
    const transaction = await producer.client.transaction();
    await transaction.abort();
    return { said: `aborted the transaction of ${nameIn(instance)}`, evidence: {} };
  },
});

/** Somebody else's pipeline may do without it. */
const hasKafka = ({ bootstrapServers }: Instance): boolean => bootstrapServers.length > 0;

const nameIn = ({ name }: Instance): string => `cdc-lab-hung-${name}`;

const topicIn = ({ topicPrefix }: Instance, table: string): string => `${topicPrefix}.${table}`;

/** The sink has read up to the transaction, and there is more behind its one record; undefined: not yet. */
async function heldBack(access: Pick<Access, 'lagByPartition'>, instance: Instance, open: OpenTransaction) {
  const { topic, partition, transactionalId, producerId, firstOffset } = open;
  const lags = await access.lagByPartition();
  const sinkIsAt = lags.find((lag) => lag.topic === topic && lag.partition === partition)?.committed;
  const [end] = (await asked(instance, topic, highWatermarks)).values();
  if (sinkIsAt !== firstOffset || end === undefined || end <= firstOffset + 1n) return undefined;
  const places = { sinkIsAt: String(sinkIsAt), topicEndsAt: String(end) };
  return { topic, partition, transactionalId, producerId: String(producerId), ...places };
}

/** The open transactions of this fault's producer in the topic. */
async function ownIn(instance: Instance, topic: string): Promise<readonly OpenTransaction[]> {
  if (!hasKafka(instance)) return [];
  const open = await asked(instance, topic, openTransactions);
  return open.filter(({ transactionalId }) => transactionalId === nameIn(instance));
}

/** Asks every broker about the partition. */
async function asked<T>(
  instance: Instance,
  topic: string,
  ask: (
    connection: KafkaConnection,
    brokers: readonly string[],
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ) => Promise<T>,
): Promise<T> {
  const kafka = instance.reach?.kafka ?? plainKafka(instance.bootstrapServers);
  const admin = kafkaClient(instance).admin();
  await admin.connect();
  try {
    const { brokers } = await admin.describeCluster();
    const addresses = brokers.map(({ host, port }) => `${host}:${port}`);
    return await ask(kafka, addresses, [{ topic, partition: PARTITION }]);
  } finally {
    await admin.disconnect();
  }
}

async function connected(instance: Instance) {
  const client = kafkaClient(instance).producer({
    transactionalId: nameIn(instance),
    transactionTimeout: TRANSACTION_MS,
    idempotent: true,
    maxInFlightRequests: 1,
    retry: { retries: 10, initialRetryTime: 100, maxRetryTime: 1_000 },
  });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.disconnect() };
}
