/**
 * `harness/e2e/testing/strangers`: pipelines as users write them, with one habit each, and their adapters.
 * In: the lab's events of customers and orders.
 * Out: copies, or an exit code, in the sink database; beside them a table of theirs that is named as one of the lab's.
 * Promises: none. `strangers.lab.test.ts` says what the lab must say of each.
 */

import { parseArgs } from 'node:util';
import { Kafka } from 'kafkajs';
import pg from 'pg';

const { values: options } = parseArgs({
  options: {
    sink: { type: 'string', default: '' },
    brokers: { type: 'string', default: '' },
    topics: { type: 'string', default: '' },
    group: { type: 'string', default: '' },
    /** Ends with code 7 at this event. */
    'dies-after': { type: 'string', default: 'Infinity' },
    trims: { type: 'boolean', default: false },
  },
});
let left = Number(options['dies-after']);
const db = new pg.Client(options.sink);
await db.connect();
await db.query(`
  CREATE TABLE IF NOT EXISTS _cdc_dedup (job text PRIMARY KEY, ran_at timestamptz);
  CREATE TABLE IF NOT EXISTS _cdc_offsets (topic text, partition text, "offset" text);
  CREATE TABLE IF NOT EXISTS customers (id uuid PRIMARY KEY, email text, name text, status text,
    created_at timestamptz, updated_at timestamptz, version bigint);
  CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, customer_id uuid, status text, amount numeric(12,2),
    note text, created_at timestamptz, updated_at timestamptz, version bigint)`);
const trimmed = (value: unknown) => (typeof value === 'string' ? value.trim() || null : value);

const kafka = new Kafka({ brokers: options.brokers.split(',') });
const topics = options.topics.split(',');
const admin = kafka.admin();
await admin.connect();
const there = await admin.listTopics();
await admin.disconnect();
// It waits for no topic.
if (!topics.every((topic) => there.includes(topic))) process.exit(4);
const consumer = kafka.consumer({ groupId: options.group });
await consumer.connect();
await consumer.subscribe({ topics, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => {
    if (left-- <= 0) {
      console.error('Error: our licence has expired');
      process.exit(7);
    }
    if (message.value === null) return;
    const { op, before, after, source } = JSON.parse(String(message.value)).payload;
    if (op === 'd') {
      await db.query(`DELETE FROM ${source.table} WHERE id = $1`, [before.id]);
      return;
    }
    const names = Object.keys(after);
    const values = Object.values(after).map((value) => (options.trims ? trimmed(value) : value));
    await db.query(
      `INSERT INTO ${source.table} (${names}) VALUES (${names.map((_, i) => `$${i + 1}`)})
       ON CONFLICT (id) DO UPDATE SET (${names}) = ROW (${names.map((name) => `EXCLUDED.${name}`)})`,
      values,
    );
  },
});
