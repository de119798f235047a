import { randomUUID } from 'node:crypto';
import { withDatabase } from '../../../fixtures/database.ts';
import type { Exercise } from '../../../fixtures/defects/expected.ts';
import { CRASH_POINTS } from '../../../pipeline/contract/crash-points.ts';
import type { Access } from '../../access/access.ts';
import type { Instance, WorkloadSpec } from '../../lab/lab.ts';
import { until } from '../../wait.ts';

const TRANSACTIONS = 150;
/** Slow enough that requests and batches are many and small. */
const RATE = 100;
const WITHIN_MS = 60_000;

/** What an exercise works on. */
export interface Exercised {
  readonly instance: Instance;
  readonly access: Access;
  readonly seed: number;
}

/** Does these exercises on the source, one after another. Their events may still be in flight afterwards. */
export async function exercise(at: Exercised, exercises: readonly Exercise[]): Promise<void> {
  await withDatabase(at.instance.sourceUrl, async (client) => {
    for (const name of exercises) await EXERCISES[name](at, (sql) => client.query(sql));
  });
}

/** Several statements in one text are one transaction. */
type Sql = (text: string) => Promise<unknown>;

const customer = (id: string, name: string): string =>
  `INSERT INTO customers (id, email, name) VALUES ('${id}', '${id}@Example.org', '${name}');`;
const text = (length: number): string => 'All work and no play. '.repeat(Math.ceil(length / 22));
const newDocument = (id: string, length = 9_000): string =>
  `INSERT INTO documents (id, title, body) VALUES ('${id}', 'Large', '${text(length)}')`;

const EXERCISES: Readonly<Record<Exercise, (at: Exercised, sql: Sql) => Promise<void>>> = {
  truncate: async (_, sql) => {
    await sql('TRUNCATE documents');
    const values = `gen_random_uuid(), 'Document ' || g, 'After the TRUNCATE'`;
    await sql(`INSERT INTO documents (id, title, body) SELECT ${values} FROM generate_series(1, 20) g`);
  },
  mixed: (at) => work(at, 'mixed', TRANSACTIONS),
  'insert-only': (at) => work(at, 'insert-only', TRANSACTIONS),
  rows: async (_, sql) => {
    await sql(customer(randomUUID(), 'Zoë Ångström'));
    await sql(customer(randomUUID(), 'Ada') + customer(randomUUID(), 'Grace'));
    const [buyer, order] = [randomUUID(), randomUUID()];
    await sql(
      `${customer(buyer, 'Edsger')} INSERT INTO orders (id, customer_id, amount)
       VALUES ('${order}', '${buyer}', 98765432.19)`,
    );
  },
  updates: async (_, sql) => {
    const id = randomUUID();
    await sql(customer(id, 'First'));
    const update = (name: string) =>
      `UPDATE customers SET name = '${name}', version = version + 1 WHERE id = '${id}';`;
    await sql(update('Second') + update('Third'));
  },
  'key-change': async (_, sql) => {
    const id = randomUUID();
    await sql(customer(id, 'Moved'));
    await sql(`UPDATE customers SET id = '${randomUUID()}', version = version + 1 WHERE id = '${id}'`);
  },
  reinsert: async (_, sql) => {
    const id = randomUUID();
    await sql(customer(id, 'Gone'));
    await sql(`DELETE FROM customers WHERE id = '${id}'; ${customer(id, 'Back')}`);
  },
  'large-value': async (_, sql) => {
    await sql(newDocument(randomUUID()));
  },
  // Larger than a topic takes: for a defect that never publishes it.
  'oversized-value': async (_, sql) => {
    await sql(newDocument(randomUUID(), 1_500_000));
  },
  'unchanged-toast': async (_, sql) => {
    const id = randomUUID();
    await sql(newDocument(id));
    await sql(`UPDATE documents SET title = 'Other', version = version + 1 WHERE id = '${id}'`);
  },
  'add-column': async (_, sql) => {
    await sql(`ALTER TABLE customers ADD COLUMN tier text NOT NULL DEFAULT 'bronze'`);
    const id = randomUUID();
    await sql(`INSERT INTO customers (id, email, name, tier) VALUES ('${id}', 'a@b', 'Tiered', 'gold')`);
  },
  pause: pauseHavingFetched,
};

async function work({ instance, seed }: Exercised, kind: WorkloadSpec['kind'], n: number): Promise<void> {
  const workload = await instance.startWorkload({ kind, rate: RATE, seed, transactions: n });
  const { committed } = await workload.finished;
  if (committed < n) throw new Error(`the workload committed ${committed} of ${n} transactions`);
}

/** Pauses the sink while it holds records that it has fetched and not applied, then resumes it. */
async function pauseHavingFetched({ access }: Exercised, sql: Sql): Promise<void> {
  const drained = async () => (await access.lag()).events === 0;
  await until(drained, { what: 'the sink to catch up', withinMs: WITHIN_MS });
  const point = CRASH_POINTS.afterFetch;
  await access.armCrashPoint('sink', point, 0);
  const values = `gen_random_uuid(), 'c' || g || '@example.org', 'Fetched'`;
  await sql(`INSERT INTO customers (id, email, name) SELECT ${values} FROM generate_series(1, 100) g`);
  const waits = async () => (await access.crashPoints('sink')).waiting.some(({ name }) => name === point);
  await until(waits, { what: 'the sink to have fetched', withinMs: WITHIN_MS, everyMs: 25 });
  await access.pauseConnector('sink');
  await access.releaseCrashPoint('sink', point);
  const paused = async () => (await access.connectorStatus('sink')).tasks.every((t) => t.state === 'PAUSED');
  await until(paused, { what: 'the sink to be paused', withinMs: WITHIN_MS });
  // Nothing reports that a paused task has dropped what it fetched; this is long enough for its loop to do so.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await access.resumeConnector('sink');
}
