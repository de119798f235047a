import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { parseConfig } from './config.ts';
import { loadChecks } from './plugins.ts';
import type { Report } from './report.ts';
import { type DatabasePair, databasePair } from './testing/databases.ts';
import { verify } from './verify.ts';

/** A pipeline played by hand: rows in both databases, records in a topic, offsets of a group. */
interface Played extends AsyncDisposable {
  readonly pair: DatabasePair;
  produce(records: readonly { key: unknown; value: unknown; position?: string }[]): Promise<void>;
  /** The group has done all that is in the topic, less so many records. */
  commit(less?: number): Promise<void>;
  report(deadlineMs?: number): Promise<Report>;
}

let admin: Admin;
let kafka: Kafka;
beforeAll(async () => {
  kafka = new Kafka({ brokers: [inject('bootstrapServers')], logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
});

async function play(): Promise<Played> {
  const pair = await databasePair();
  const prefix = `v${randomBytes(5).toString('hex')}`;
  const topic = `${prefix}.public.items`;
  const group = `connect-${prefix}`;
  const slot = `slot_${prefix}`;
  await pair.onBoth(
    'CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(8,2), at timestamptz, version bigint)',
  );
  // One producer each: it would go on asking for the topics of those before.
  const producer = kafka.producer();
  await producer.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  await pair.onSource(`SELECT pg_create_logical_replication_slot('${slot}', 'test_decoding')`);
  const config = parseConfig(
    {
      port: 0,
      stateDir: mkdtempSync(join(tmpdir(), 'verifier-')),
      // No capture moves this slot: it is moved by hand before each report, and no message is put behind it.
      source: { url: pair.sourceUrl, slot, emitMessages: false },
      sink: { url: pair.sinkUrl },
      kafka: { bootstrapServers: [inject('bootstrapServers')] },
      topicPrefix: prefix,
      consumerGroup: group,
    },
    'test',
  );
  return {
    pair,
    produce: async (records) => {
      const messages = records.map(({ key, value, position }) => ({
        key: key === null ? null : JSON.stringify(key),
        value: value === null ? null : JSON.stringify(value),
        headers: position === undefined ? {} : { 'cdc.position': position },
      }));
      await producer.send({ topic, messages });
    },
    commit: async (less = 0) => {
      const [end] = await admin.fetchTopicOffsets(topic);
      const offset = String(Number(end?.high ?? 0) - less);
      await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset }] });
    },
    report: async (deadlineMs = 30_000) => {
      // Autovacuum and the like may write meanwhile: the slot goes a little further than it must.
      await pair.onSource(`SELECT pg_replication_slot_advance('${slot}', pg_current_wal_insert_lsn())`);
      const moving = setInterval(() => {
        pair
          .onSource(`SELECT pg_replication_slot_advance('${slot}', pg_current_wal_insert_lsn())`)
          .catch(() => undefined);
      }, 200);
      try {
        return await verify({ config, checks: await loadChecks(), deadlineMs });
      } finally {
        clearInterval(moving);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await producer.disconnect();
      await pair.onSource(`SELECT pg_drop_replication_slot('${slot}')`);
      await pair[Symbol.asyncDispose]();
      await admin.deleteTopics({ topics: [topic] });
    },
  };
}

const position = (n: number): string => `00000001-${n.toString(16).toUpperCase().padStart(16, '0')}-00000001`;

/** A create or update of a row, as Debezium's JSON has it without schemas. */
function row(id: number, name: string, version: number, op = 'c') {
  const after = { id, name, price: 'AMg=', at: '2026-01-02T03:04:05.500000Z', version };
  return {
    key: { id },
    value: { op, before: null, after, source: {} },
    position: position(id * 100 + version),
  };
}
const insert = (id: number, name: string, version: number): string =>
  `INSERT INTO items VALUES (${id}, '${name}', 2.00, '2026-01-02 03:04:05.5Z', ${version})
   ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version`;

function hopsOf(report: Report): unknown[] {
  return report.findings
    .filter(({ class: name }) => name !== 'alert')
    .map(({ class: name, hop, count, first }) => [name, hop, count, first?.key.id]);
}

test('a row that is in the topic and not in the sink was lost by the sink; one that is not in it, by the capture', async () => {
  await using played = await play();
  for (const id of [1, 2, 3]) await played.pair.onSource(insert(id, 'a', 1));
  await played.pair.onSink(insert(1, 'a', 1));
  await played.produce([row(1, 'a', 1), row(2, 'a', 1)]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([
    ['missing', 'sink', 1, '2'],
    ['missing', 'capture', 1, '3'],
  ]);
});

test('a stale row is the sink’s fault where the topic has the newer image, else the capture’s', async () => {
  await using played = await play();
  for (const id of [1, 2]) await played.pair.onBoth(insert(id, 'old', 1));
  for (const id of [1, 2]) await played.pair.onSource(insert(id, 'new', 2));
  await played.produce([row(1, 'old', 1), row(2, 'old', 1), row(1, 'new', 2, 'u')]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([
    ['stale', 'sink', 1, '1'],
    ['stale', 'capture', 1, '2'],
  ]);
});

test('an older record that came again later does not make the topic stale', async () => {
  await using played = await play();
  await played.pair.onBoth(insert(1, 'old', 1));
  await played.pair.onSource(insert(1, 'new', 2));
  await played.produce([row(1, 'new', 2, 'u'), row(1, 'old', 1)]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([['stale', 'sink', 1, '1']]);
});

test('an image of the past is stale even where no version column tells', async () => {
  await using played = await play();
  await played.pair.onSource(insert(1, 'new', 5));
  await played.pair.onSink(insert(1, 'old', 5));
  await played.produce([row(1, 'old', 5), { ...row(1, 'new', 5, 'u'), position: position(999) }]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([['stale', 'sink', 1, '1']]);
});

test('values that no record ever had are corrupted, at the sink', async () => {
  await using played = await play();
  await played.pair.onSource(insert(1, 'right', 1));
  await played.pair.onSink(insert(1, 'never', 1));
  await played.produce([row(1, 'right', 1)]);
  await played.commit();
  const report = await played.report();
  expect(hopsOf(report)).toEqual([['corrupted', 'sink', 1, '1']]);
  expect(report.findings[0]?.first?.columns).toEqual(['name']);
});

test('an extra row is the sink’s where the topic deletes it or never had it, the capture’s where no delete came', async () => {
  await using played = await play();
  for (const id of [1, 2, 3]) await played.pair.onSink(insert(id, 'a', 1));
  const gone = {
    key: { id: 1 },
    value: { op: 'd', before: { id: 1 }, after: null },
    position: position(500),
  };
  await played.produce([
    row(1, 'a', 1),
    gone,
    { key: { id: 1 }, value: null, position: position(500) },
    row(2, 'a', 1),
  ]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([
    ['extra', 'sink', 2, '1'],
    ['extra', 'capture', 1, '2'],
  ]);
});

test('rows that a TRUNCATE should have removed are the sink’s', async () => {
  await using played = await play();
  await played.pair.onSink(insert(1, 'a', 1));
  await played.produce([
    row(1, 'a', 1),
    { key: null, value: { op: 't', after: null }, position: position(9999) },
  ]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([['extra', 'sink', 1, '1']]);
});

test('a sink that is behind and stands still is never judged by its rows', async () => {
  await using played = await play();
  await played.pair.onSource(insert(1, 'a', 1));
  await played.produce([row(1, 'a', 1)]);
  await played.commit(1);
  const report = await played.report(1_500);
  expect(report.verdict).toBe('INCONCLUSIVE');
  expect(report.tables).toEqual([]);
  expect(report.progress).toMatchObject({ fencePassed: false, eventsBehind: 1 });
});

test('a sink that catches up while it is awaited is behind the fence', async () => {
  await using played = await play();
  await played.pair.onBoth(insert(1, 'a', 1));
  await played.produce([row(1, 'a', 1)]);
  await played.commit(1);
  setTimeout(() => void played.commit(), 800);
  expect((await played.report()).checks.find(({ check }) => check === 'fence')?.verdict).toBe('PASS');
});
