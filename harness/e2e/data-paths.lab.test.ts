import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CRASH_POINTS } from '../../pipeline/contract/crash-points.ts';
import { requestSnapshot } from '../access/captured-tables.ts';
import { until } from '../wait.ts';
import { type Drill, type DrillLab, startDrillLab } from './testing/drill.ts';

const TIMEOUT_MS = 120_000;
const NAME = 'paths';
const FIXTURES = ['customers', 'orders', 'order_items', 'documents'];

let lab: DrillLab;
let drill: Drill;

beforeAll(async () => {
  lab = await startDrillLab();
  drill = await lab.instance(NAME, {
    source: { 'table.include.list': [...FIXTURES, 'counters'].map((table) => `public.${table}`).join() },
    sink: { topics: [...FIXTURES, 'counters'].map((table) => `${NAME}.public.${table}`).join() },
  });
  await drill.source('CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0)');
}, TIMEOUT_MS);
afterAll(() => lab?.[Symbol.asyncDispose](), TIMEOUT_MS);

async function count(side: 'source' | 'sink', table: string, where = 'true'): Promise<number> {
  const [row] = await drill[side](`SELECT count(*)::int AS n FROM ${table} WHERE ${where}`);
  return Number(row?.n);
}

/** Resolves when the server reports that the connection waits for another transaction. */
async function waitsForTransaction(client: pg.Client & { processID?: number | null }): Promise<void> {
  await until(
    async () => {
      const [row] = await drill.source('SELECT wait_event FROM pg_stat_activity WHERE pid = $1', [
        client.processID,
      ]);
      return row?.wait_event === 'transactionid';
    },
    { what: 'an insert to wait for the transaction that holds its key', withinMs: 10_000, everyMs: 10 },
  );
}

test(
  'a captured table created during streaming is snapshotted and streamed',
  async () => {
    await drill.source('INSERT INTO counters SELECT g FROM generate_series(1000, 1, -1) g');
    await until(async () => (await count('sink', 'counters')) === 1000, {
      what: 'the new table to arrive at the sink',
      withinMs: 30_000,
    });
    await drill.pass();
  },
  TIMEOUT_MS,
);

test(
  'no row is lost when a range of keys moves up by one',
  async () => {
    // The rows are stored in descending order, so that each new key is free when it is assigned.
    await drill.source('UPDATE counters SET id = id + 1');
    await drill.pass();
    expect(await count('sink', 'counters', 'id BETWEEN 2 AND 1001')).toBe(1000);
  },
  TIMEOUT_MS,
);

test(
  'an insert that waited for the delete of its key survives, although its WAL record is older',
  async () => {
    await using first = await drill.connection('source');
    await using second = await drill.connection('source');
    await first.query('BEGIN');
    await first.query('DELETE FROM counters WHERE id = 500');
    // Writes its row to the WAL, then waits for the first transaction to end.
    const waiting = second.query('INSERT INTO counters (id, n) VALUES (500, 2)');
    await waitsForTransaction(second);
    await first.query('INSERT INTO counters (id, n) VALUES (500, 1)');
    const { rows } = await first.query('SELECT pg_current_wal_insert_lsn() AS lsn');
    await first.query('DELETE FROM counters WHERE id = 500');
    await first.query('COMMIT');
    await waiting;
    await drill.pass();
    const [row] = await drill.sink(
      'SELECT n::int, _cdc_lsn::pg_lsn < $1::pg_lsn AS older FROM counters WHERE id = 500',
      [rows[0].lsn],
    );
    expect(row).toEqual({ n: 2, older: true });
  },
  TIMEOUT_MS,
);

test(
  'a COPY of 20,000 rows arrives completely although the capture is killed in the middle of it',
  async () => {
    const file = join(lab.lab.dir, '..', 'counters.tsv');
    const lines = Array.from({ length: 20_000 }, (_, i) => `${10_000 + i}\t${i}\n`);
    writeFileSync(file, lines.join(''), { mode: 0o644 });
    await drill.access.armCrashPoint('capture', CRASH_POINTS.afterProduceBeforeAck, 2);
    await drill.source(`COPY counters (id, n) FROM '${file}'`);
    await drill.waitAt('capture', CRASH_POINTS.afterProduceBeforeAck);
    const { capture } = drill.instance.services;
    await drill.runtime.kill(capture);
    await drill.runtime.start(capture);
    const report = await drill.pass();
    expect(await count('sink', 'counters', 'id >= 10000')).toBe(20_000);
    expect(report.deliveries?.duplicatesSuppressed).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'an update of other columns keeps an unchanged TOAST value',
  async () => {
    const id = randomUUID();
    await drill.source(`INSERT INTO documents (id, title, body) VALUES ($1, 'a', repeat('x', 9000))`, [id]);
    await drill.source(`UPDATE documents SET title = 'b', version = version + 1 WHERE id = $1`, [id]);
    await drill.source(`UPDATE documents SET title = 'c', version = version + 1`);
    await drill.pass();
    const [row] = await drill.sink('SELECT title, length(body) AS length FROM documents WHERE id = $1', [id]);
    expect(row).toEqual({ title: 'c', length: 9000 });
  },
  TIMEOUT_MS,
);

test(
  'a changed primary key leaves no row under the old one',
  async () => {
    const [before, after] = [randomUUID(), randomUUID()];
    await drill.source(`INSERT INTO customers (id, email, name) VALUES ($1, 'k@example.org', 'k')`, [before]);
    await drill.source('UPDATE customers SET id = $2, version = version + 1 WHERE id = $1', [before, after]);
    await drill.pass();
    const rows = await drill.sink('SELECT id FROM customers WHERE id = ANY($1)', [[before, after]]);
    expect(rows).toEqual([{ id: after }]);
  },
  TIMEOUT_MS,
);

test(
  'a TRUNCATE empties the sink, and rows inserted after it stay',
  async () => {
    await drill.source('TRUNCATE documents');
    await drill.source(
      `INSERT INTO documents (id, title, body) SELECT gen_random_uuid(), g::text, 'after' FROM generate_series(1, 50) g`,
    );
    await drill.pass();
    expect(await count('sink', 'documents')).toBe(50);
  },
  TIMEOUT_MS,
);

test(
  'a row deleted after a snapshot has read it does not reappear when the snapshot is published',
  async () => {
    const id = randomUUID();
    await drill.source(`INSERT INTO documents (id, title, body) VALUES ($1, 'doomed', 'x')`, [id]);
    await drill.access.armCrashPoint('capture', CRASH_POINTS.midSnapshotChunk, 0);
    await requestSnapshot(drill.access, randomUUID(), 'incremental', ['public.documents']);
    await drill.waitAt('capture', CRASH_POINTS.midSnapshotChunk);
    await drill.source('DELETE FROM documents WHERE id = $1', [id]);
    await until(async () => (await count('sink', 'documents')) === 50, {
      what: 'the delete to reach the sink',
      withinMs: 30_000,
    });
    const published = async () => Number((await drill.access.endOffsets()).get(`${NAME}.public.documents`));
    const before = await published();
    await drill.access.releaseCrashPoint('capture', CRASH_POINTS.midSnapshotChunk);
    // 51 rows: the snapshot still contains the deleted one.
    await until(async () => (await published()) >= before + 51, {
      what: 'the chunk to be published',
      withinMs: 30_000,
    });
    await drill.pass();
    expect(await count('sink', 'documents')).toBe(50);
  },
  TIMEOUT_MS,
);

test(
  'a delete and a re-insert in one transaction leave the new row',
  async () => {
    await using client = await drill.connection('source');
    await client.query('BEGIN');
    await client.query('DELETE FROM counters WHERE id BETWEEN 600 AND 700');
    await client.query('INSERT INTO counters SELECT g, 7 FROM generate_series(600, 700) g');
    await client.query('DELETE FROM counters WHERE id = 650');
    await client.query('COMMIT');
    await drill.pass();
    expect(await count('sink', 'counters', 'n = 7 AND id BETWEEN 600 AND 700')).toBe(100);
  },
  TIMEOUT_MS,
);

test(
  'a transaction of 50,000 rows arrives completely',
  async () => {
    await drill.source('INSERT INTO counters SELECT g FROM generate_series(100001, 150000) g');
    await drill.pass();
    expect(await count('sink', 'counters', 'id > 100000')).toBe(50_000);
  },
  TIMEOUT_MS,
);
