import { randomBytes } from 'node:crypto';
import type { Admin, Kafka } from 'kafkajs';
import { inject } from 'vitest';
import { createTopic } from '../../fixtures/testing/create-topic.ts';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig, type VerifierConfig, type VerifierConfigInput } from '../config.ts';
import { quietKafka } from '../connection/quiet-kafka.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import type { VerifierMemory } from '../verification/verifier-memory.ts';
import { verify } from '../verification/verify.ts';
import { type DatabasePair, databasePair } from './databases.ts';
import { commitOffset } from './kafka.ts';

/** A pipeline whose steps the test performs: rows in both databases, records in a topic, offsets of a group. */
export interface Played extends AsyncDisposable {
  readonly pair: DatabasePair;
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly config: VerifierConfig;
  readonly topic: string;
  produce(records: readonly { key: unknown; value: unknown; position?: string }[]): Promise<void>;
  /** Offset behind the topic's last record or transaction marker. */
  end(): Promise<number>;
  /** Commits the group's offset at the end of the topic, minus `less`. */
  commit(less?: number): Promise<void>;
  report(deadlineMs?: number, memory?: VerifierMemory): Promise<Report>;
}

export async function play(given: Partial<VerifierConfigInput> = {}): Promise<Played> {
  const kafka = quietKafka({ brokers: [inject('bootstrapServers')] });
  const admin = kafka.admin();
  await admin.connect();
  const pair = await databasePair();
  const prefix = `v${randomBytes(5).toString('hex')}`;
  const topic = `${prefix}.public.items`;
  const group = `connect-${prefix}`;
  const slot = `slot_${prefix}`;
  await pair.onBoth(
    'CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(8,2), at timestamptz, version bigint)',
  );
  // A shared producer would keep requesting metadata of the topics of earlier tests.
  const producer = kafka.producer();
  await producer.connect();
  await createTopic(admin, topic);
  await pair.onSource(`SELECT pg_create_logical_replication_slot('${slot}', 'test_decoding')`);
  const config = parseConfig(
    {
      port: 0,
      stateDir: makeTestFolder(),
      // No capture confirms this slot. `report` advances it, and no message is written.
      source: { url: pair.sourceUrl, slot, emitMessages: false },
      sink: { url: pair.sinkUrl },
      kafka: { bootstrapServers: [inject('bootstrapServers')] },
      topicPrefix: prefix,
      consumerGroup: group,
      ...given,
    },
    'test',
  );
  const end = async () => {
    const [partition] = await admin.fetchTopicOffsets(topic);
    return Number(partition?.high ?? 0);
  };
  return {
    ...{ pair, kafka, admin, config, topic },
    produce: async (records) => {
      const messages = records.map(({ key, value, position }) => ({
        key: key === null ? null : JSON.stringify(key),
        value: value === null ? null : JSON.stringify(value),
        headers: position === undefined ? {} : { 'cdc.position': position },
      }));
      await producer.send({ topic, messages });
    },
    end,
    commit: async (less = 0) => {
      const offset = String((await end()) - less);
      await commitOffset(kafka, group, topic, offset);
    },
    report: async (deadlineMs = 30_000, memory) => {
      // Autovacuum may write meanwhile, so the slot is advanced beyond the position repeatedly.
      await pair.onSource(`SELECT pg_replication_slot_advance('${slot}', pg_current_wal_insert_lsn())`);
      const moving = setInterval(() => {
        pair
          .onSource(`SELECT pg_replication_slot_advance('${slot}', pg_current_wal_insert_lsn())`)
          .catch(() => undefined);
      }, 200);
      try {
        return await verify({
          config,
          checks: await loadChecks(),
          deadlineMs,
          ...(memory === undefined ? {} : { memory }),
        });
      } finally {
        clearInterval(moving);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await producer.disconnect();
      await pair.onSource(`SELECT pg_drop_replication_slot('${slot}')`);
      await pair[Symbol.asyncDispose]();
      await admin.deleteTopics({ topics: [topic] });
      await admin.disconnect();
    },
  };
}

export const position = (n: number): string =>
  `00000001-${n.toString(16).toUpperCase().padStart(16, '0')}-00000001`;

/** A create or update of a row, as Debezium's JSON has it without schemas. */
export function row(id: number, name: string, version: number, op = 'c') {
  const after = { id, name, price: 'AMg=', at: '2026-01-02T03:04:05.500000Z', version };
  return {
    key: { id },
    value: { op, before: null, after, source: {} },
    position: position(id * 100 + version),
  };
}
export const insert = (id: number, name: string, version: number): string =>
  `INSERT INTO items VALUES (${id}, '${name}', 2.00, '2026-01-02 03:04:05.5Z', ${version})
   ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version`;
