import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createTopic } from '../../fixtures/testing/create-topic.ts';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig } from '../config.ts';
import { quietKafka } from '../connection/quiet-kafka.ts';
import { formatLedgerEntry } from '../observe/ledger/ledger.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { commitOffset } from '../testing/kafka.ts';
import { explain } from './explain.ts';
import { readLife } from './read-life.ts';

const COLUMNS = 'a int, b text, name text, version bigint, PRIMARY KEY (a, b)';
const at = '2026-01-02T03:04:05.000Z';
const position = (n: number): string => `00000001-${n.toString(16).toUpperCase().padStart(16, '0')}-00000001`;

const prefix = `x${randomBytes(5).toString('hex')}`;
const topic = `${prefix}.public.items`;
const group = `connect-${prefix}`;
const ledger = join(makeTestFolder(), 'ledger.ndjson');
const kafka = quietKafka({ brokers: [inject('bootstrapServers')] });
const admin = kafka.admin();
const producer = kafka.producer();
let pair: DatabasePair;

/** Publishes versions of a row, as a capture in Debezium's format does. */
async function publish(b: string, ...versions: readonly number[]): Promise<void> {
  const messages = versions.map((version) => ({
    key: JSON.stringify({ a: 1, b }),
    value: JSON.stringify({
      op: version === 1 ? 'c' : 'u',
      before: null,
      after: { a: 1, b, name: 'secret', version },
      source: { lsn: 256 * version, txId: 700 + version, ts_ms: Date.parse(at), snapshot: 'false' },
      ts_ms: Date.parse(at) + version,
    }),
    headers: { 'cdc.position': position(version) },
  }));
  await producer.send({ topic, messages });
}

const insert = (b: string, version: number, metadata = ''): string =>
  `INSERT INTO items VALUES (1, '${b}', 'secret', ${version}${metadata})`;
const applied = (version: number): string =>
  `, 'u', '0/${version}00', '${position(version)}', now(), now(), now()`;

async function life(key: string, values = false, table = 'items') {
  const [end] = await admin.fetchTopicOffsets(topic);
  await commitOffset(kafka, group, topic, end?.high ?? '0');
  const config = parseConfig(
    {
      port: 0,
      stateDir: 'unused',
      source: { url: pair.sourceUrl, slot: null, emitMessages: false },
      sink: { url: pair.sinkUrl },
      kafka: { bootstrapServers: [inject('bootstrapServers')] },
      topicPrefix: prefix,
      consumerGroup: group,
      ledger,
    },
    'test',
  );
  const signal = AbortSignal.timeout(60_000);
  const own = { config, table, max: 50, deadlineMs: 10_000, faults: [], signal };
  return await readLife({ ...own, key, values });
}

beforeAll(async () => {
  pair = await databasePair();
  await pair.onSource(`CREATE TABLE items (${COLUMNS})`);
  await pair.onSink(
    `CREATE TABLE items (a int, b text, name text, version bigint, _cdc_op text, _cdc_lsn text,
       _cdc_position text COLLATE "C", _cdc_source_ts timestamptz, _cdc_captured_at timestamptz,
       _cdc_received_at timestamptz, PRIMARY KEY (a, b));
     CREATE TABLE _cdc_tombstones (table_name text, key text, position text, deleted_at timestamptz);
     CREATE TABLE _cdc_truncates (table_name text, position text, truncated_at timestamptz)`,
  );
  writeFileSync(
    ledger,
    [1, 2]
      .flatMap((version) => [
        formatLedgerEntry({
          t: 'intent',
          tx: version,
          xid: String(700 + version),
          at,
          writes: ['twice', 'behind', 'lost'].map((b) => ({
            table: 'public.items',
            key: { a: '1', b },
            op: version === 1 ? ('c' as const) : ('u' as const),
            version,
          })),
        }),
        formatLedgerEntry({ t: 'outcome', tx: version, result: 'ok', at }),
      ])
      .join(''),
  );
  await admin.connect();
  await producer.connect();
  await createTopic(admin, topic);
});
afterAll(async () => {
  await producer.disconnect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  await pair[Symbol.asyncDispose]();
});

test('a row whose record was sent twice is read from ledger, topic and both databases', async () => {
  await publish('twice', 1, 2, 2);
  await pair.onSource(insert('twice', 2));
  await pair.onSink(insert('twice', 2, applied(2)));
  const { conclusion, records, life: seen } = explain(await life('b=twice,a=01'));
  expect(conclusion.sentence).toMatch(/^the sink has the latest version \(2\), .* resent, without effect$/);
  expect(records.map(({ fate }) => fate.tag)).toEqual(['replaced', 'standing', 'suppressed']);
  expect(seen.commits?.map(({ version, outcome }) => [version, outcome])).toEqual([
    [1, 'ok'],
    [2, 'ok'],
  ]);
  expect(seen.key).toEqual({ a: '1', b: 'twice' });
  expect(seen.records?.[0]).toMatchObject({ lsn: '0/100', xid: 701, committedAt: at, version: 1 });
  expect(seen.unseen).toEqual([]);
  expect(JSON.stringify(seen.records, (_, one) => (typeof one === 'bigint' ? 0 : one))).not.toContain(
    'secret',
  );
});

test('a stale row is the sink’s fault, and its values are shown only on request', async () => {
  await publish('behind', 1, 2);
  await pair.onSource(insert('behind', 2));
  await pair.onSink(insert('behind', 1, applied(1)));
  const { conclusion, life: seen } = explain(await life('a=1,b=behind', true));
  expect(conclusion).toMatchObject({ verdict: 'FAIL', class: 'stale', hop: 'sink' });
  expect(seen.source?.values).toEqual({ a: '1', b: 'behind', name: 'secret', version: '2' });
  expect(seen.differing).toEqual(['version']);
});

test('a value that the topic has and the sink has not was corrupted by the sink', async () => {
  await publish('garbled', 1, 2);
  await pair.onSource(insert('garbled', 2));
  await pair.onSink(insert('garbled', 2, applied(2)).replace('secret', 'other'));
  const { conclusion, life: seen } = explain(await life('a=1,b=garbled'));
  expect(conclusion).toMatchObject({ verdict: 'FAIL', class: 'corrupted', hop: 'sink' });
  expect(seen.differing).toEqual(['name']);
});

test('a value that the topic has not either was corrupted by the capture', async () => {
  await publish('changed', 1, 2);
  await pair.onSource(insert('changed', 2).replace('secret', 'true'));
  await pair.onSink(insert('changed', 2, applied(2)));
  const { conclusion } = explain(await life('a=1,b=changed'));
  expect(conclusion).toMatchObject({ verdict: 'FAIL', class: 'corrupted', hop: 'capture' });
});

test('a column that no record has was dropped by the capture, which is said', async () => {
  await pair.onBoth('ALTER TABLE items ADD COLUMN note text');
  await publish('dropped', 1, 2);
  await pair.onSource(
    `INSERT INTO items (a, b, name, version, note) VALUES (1, 'dropped', 'secret', 2, 'n')`,
  );
  await pair.onSink(`INSERT INTO items VALUES (1, 'dropped', 'secret', 2${applied(2)}, NULL)`);
  const { conclusion } = explain(await life('a=1,b=dropped'));
  expect(conclusion).toMatchObject({ verdict: 'FAIL', class: 'corrupted', hop: 'capture' });
  expect(conclusion.sentence).toContain('the column note was dropped on the way: no record has it');
});

test('a committed row that neither side nor the topic has was lost by the source', async () => {
  const { conclusion } = explain(await life('a=1,b=lost'));
  expect(conclusion).toMatchObject({ verdict: 'FAIL', class: 'missing', hop: 'source' });
  expect(conclusion.sentence).toMatch(/the source itself does not have the row: lost by the source$/);
});

test('a key of two columns is found among the sink’s tombstones', async () => {
  await publish('gone', 1);
  await producer.send({
    topic,
    messages: [
      { key: JSON.stringify({ a: 1, b: 'gone' }), value: null, headers: { 'cdc.position': position(3) } },
    ],
  });
  await pair.onSink(
    `INSERT INTO _cdc_tombstones VALUES ('public.items', '["1","gone"]', '${position(3)}', now())`,
  );
  const { conclusion, life: seen } = explain(await life('a=1,b=gone'));
  expect(seen.sink?.tombstone?.position).toBe(position(3));
  expect(conclusion.verdict).toBe('PASS');
  expect(seen.unseen).toEqual([
    'the ledger has no write of this row: it was seeded, or written by another client',
  ]);
});

test('a value that its column cannot hold is refused', async () => {
  await expect(life('a=one,b=x')).rejects.toThrow('"one" is not a valid integer, which is the type of a.');
});

test('records of a topic that two tables share are not told as those of either', async () => {
  await pair.onSource(`CREATE TABLE "i s" (id int PRIMARY KEY); CREATE TABLE "i-s" (id int PRIMARY KEY);
    CREATE TABLE "i.s" (id int PRIMARY KEY); CREATE TABLE "i_s" (id int PRIMARY KEY); INSERT INTO "i s" VALUES (1)`);
  const shared = await life('1', false, '"i s"');
  expect(shared).toMatchObject({ table: 'public."i s"', records: null });
  expect(shared.unseen).toContain(
    `the topic ${prefix}.public.i_s carries public."i s" and public.i_s, whose records cannot be told apart`,
  );
  expect(explain(shared).conclusion.hop).toBe('unknown');
  const own = await life('1', false, '"i.s"');
  expect(own.unseen.join()).not.toContain('told apart');
});
