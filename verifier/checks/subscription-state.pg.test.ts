import { expect, test } from 'vitest';
import type { CheckResult } from '../check.ts';
import type { Database } from '../postgres.ts';
import { contextOf } from '../testing/context.ts';
import { databasePair } from '../testing/databases.ts';
import check from './subscription-state.ts';

const run = async (sink: Database, subscription: string | null): Promise<CheckResult> =>
  await check.run(contextOf({ config: { sink: { url: 'unused', subscription } }, sink: async () => sink }));

test('a subscription whose tables are copied is a PASS; a disabled one waits for a person', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id int PRIMARY KEY)');
  await pair.onSource('CREATE PUBLICATION p FOR TABLE items');
  const { hostname, port, password, pathname } = new URL(pair.sourceUrl);
  const database = pathname.slice(1);
  const to = `host=${hostname} port=${port} user=postgres password='${password}' dbname=${database}`;
  await pair.onSink(`CREATE SUBSCRIPTION ${database} CONNECTION '${to}' PUBLICATION p`);
  try {
    const verdict = async () => (await run(pair.sink, database)).verdict;
    await expect.poll(verdict, { timeout: 30_000 }).toBe('PASS');
    await pair.onSink(`ALTER SUBSCRIPTION ${database} DISABLE`);
    const disabled = await run(pair.sink, database);
    expect(disabled).toMatchObject({ verdict: 'WARN', findings: [{ class: 'alert', hop: 'sink' }] });
    expect(disabled.detail).toContain('is disabled');
  } finally {
    await pair.onSink(`ALTER SUBSCRIPTION ${database} DISABLE`);
    await pair.onSink(`DROP SUBSCRIPTION ${database}`);
  }
});

test('tables that are being copied are in progress', async () => {
  const sink = { query: async () => [{ enabled: 'true', slot: 's', open: '2' }] } as unknown as Database;
  const result = await run(sink, 's');
  expect(result).toMatchObject({ verdict: 'SYNC_IN_PROGRESS', detail: '2 tables of s are being copied' });
});

test('a subscription that is not there is an error, and where none is watched nothing is asked', async () => {
  await using pair = await databasePair();
  await expect(run(pair.sink, 'none')).rejects.toThrow('the sink has no subscription none');
  expect((await run(pair.sink, null)).verdict).toBe('PASS');
});
