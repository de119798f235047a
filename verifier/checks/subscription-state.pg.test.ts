import { expect, test } from 'vitest';
import type { CheckResult } from '../check.ts';
import type { Database } from '../connection/postgres.ts';
import { contextOf } from '../testing/context.ts';
import { databasePair } from '../testing/databases.ts';
import check from './subscription-state.ts';

const run = async (sink: Database, subscription: string | null): Promise<CheckResult> =>
  await check.run(
    contextOf({ config: { sink: { url: 'unused', subscription } }, databases: { sink: async () => sink } }),
  );

/** A sink with an enabled subscription, `tables` of whose tables are in their initial copy. */
function copying(tables: number): Database {
  const answers = { query: async () => [{ enabled: 'true' }], one: async () => ({ tables: String(tables) }) };
  return answers as unknown as Database;
}

test('a disabled subscription is a WARN', async () => {
  await using pair = await databasePair();
  const name = new URL(pair.sinkUrl).pathname.slice(1);
  const unconnected = 'connect = false, enabled = false, slot_name = NONE';
  await pair.onSink(
    `CREATE SUBSCRIPTION ${name} CONNECTION 'dbname=none' PUBLICATION p WITH (${unconnected})`,
  );
  try {
    const disabled = await run(pair.sink, name);
    expect(disabled).toMatchObject({ verdict: 'WARN', findings: [{ class: 'alert', hop: 'sink' }] });
    expect(disabled.detail).toContain('is disabled');
  } finally {
    await pair.onSink(`DROP SUBSCRIPTION ${name}`);
  }
});

test('an enabled subscription whose tables are copied is a PASS', async () => {
  expect(await run(copying(0), 's')).toMatchObject({ verdict: 'PASS', findings: [] });
});

test('a subscription that cannot apply a change is a FAIL, and a PASS again when it can', async () => {
  await using pair = await databasePair();
  const { hostname, port, username, password, pathname } = new URL(pair.sourceUrl);
  const name = pathname.slice(1);
  const secret = password === '' ? '' : ` password=${password}`;
  const link = `host=${hostname} port=${port} user=${username}${secret} dbname=${name}`;
  await pair.onSource('CREATE TABLE t (id int PRIMARY KEY, added text); CREATE PUBLICATION p FOR TABLE t');
  await pair.onSink('CREATE TABLE t (id int PRIMARY KEY)');
  await pair.onSink(
    `CREATE SUBSCRIPTION ${name} CONNECTION '${link}' PUBLICATION p WITH (copy_data = false)`,
  );
  try {
    await pair.onSource("INSERT INTO t VALUES (1, 'a')");
    const verdict = async () => (await run(pair.sink, name)).verdict;
    await expect.poll(verdict, { timeout: 30_000 }).toBe('FAIL');
    await pair.onSink('ALTER TABLE t ADD COLUMN added text');
    await expect.poll(verdict, { timeout: 30_000 }).toBe('PASS');
  } finally {
    await pair.onSink(`DROP SUBSCRIPTION ${name}`);
  }
});

test('a subscription with tables in their initial copy is in progress', async () => {
  const result = await run(copying(2), 's');
  expect(result).toMatchObject({ verdict: 'SYNC_IN_PROGRESS', detail: '2 tables of s are being copied' });
});

test('a subscription that does not exist is an error; without a configured subscription the check passes', async () => {
  await using pair = await databasePair();
  await expect(run(pair.sink, 'none')).rejects.toThrow('the sink has no subscription none');
  expect((await run(pair.sink, null)).verdict).toBe('PASS');
});
