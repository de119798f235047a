import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import pg from 'pg';
import { expect, test } from 'vitest';
import type { CheckResult } from '../check.ts';
import type { VerifierConfigInput } from '../config.ts';
import type { Database } from '../connection/postgres.ts';
import { contextOf } from '../testing/context.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import check from './slot-health.ts';

/** A new logical slot, which is dropped with the test because it would retain WAL. */
async function slotOn(pair: DatabasePair): Promise<AsyncDisposable & { name: string }> {
  const name = `health_${randomBytes(5).toString('hex')}`;
  await pair.onSource(`SELECT pg_create_logical_replication_slot('${name}', 'test_decoding')`);
  return {
    name,
    [Symbol.asyncDispose]: () => pair.onSource(`SELECT pg_drop_replication_slot('${name}')`),
  };
}

async function run(
  pair: DatabasePair,
  slot: string | null,
  thresholds: VerifierConfigInput['thresholds'] = {},
): Promise<CheckResult> {
  const config = { source: { url: pair.sourceUrl, slot }, thresholds };
  return await check.run(contextOf({ config, databases: { source: async () => pair.source } }));
}

const classes = ({ findings }: CheckResult) => findings.map((one) => [one.class, one.hop, one.verdict]);

test('a slot that is read and stays within its budget is a PASS', async () => {
  await using pair = await databasePair();
  await using slot = await slotOn(pair);
  const own: pg.ClientConfig & { replication: 'database' } = {
    connectionString: pair.sourceUrl,
    replication: 'database',
  };
  const reader = new pg.Client(own);
  await reader.connect();
  reader.on('error', () => undefined);
  const { stream } = (reader as unknown as { connection: { stream: Socket } }).connection;
  reader.query(`START_REPLICATION SLOT ${slot.name} LOGICAL 0/0`).catch(() => undefined);
  try {
    await isActive(pair.source, slot.name, 'true');
    const result = await run(pair, slot.name);
    expect(result.detail).toContain(`${slot.name} is active, reserved`);
    expect(result).toMatchObject({ verdict: 'PASS', findings: [] });
  } finally {
    stream.destroy();
    await isActive(pair.source, slot.name, 'false');
  }
});

async function isActive(source: Database, slot: string, wanted: string): Promise<void> {
  const sql = 'SELECT active::text AS active FROM pg_replication_slots WHERE slot_name = $1';
  await expect.poll(async () => (await source.one(sql, [slot])).active, { timeout: 10_000 }).toBe(wanted);
}

test('a slot without a reader is a WARN, because its WAL can only grow', async () => {
  await using pair = await databasePair();
  await using slot = await slotOn(pair);
  const result = await run(pair, slot.name);
  expect(result.verdict).toBe('WARN');
  expect(classes(result)).toEqual([['alert', 'capture', 'WARN']]);
  expect(result.detail).toContain('is not active');
});

test('retained WAL above its share of the budget is a WARN that names both figures', async () => {
  await using pair = await databasePair();
  await using slot = await slotOn(pair);
  await pair.onSource("SELECT pg_logical_emit_message(true, 'test', repeat('x', 200000))");
  const result = await run(pair, slot.name, { walBudgetBytes: 100_000, walBudgetShare: 0.8 });
  expect(classes(result)).toEqual([['alert', 'capture', 'WARN']]);
  // Other tests write to the same server: their WAL is retained, too.
  const [, retained, unit] = /retains ([\d.]+) (KiB|MiB) of 98 KiB of WAL/.exec(result.detail) ?? [];
  expect(Number(retained) * (unit === 'MiB' ? 1024 : 1), result.detail).toBeGreaterThanOrEqual(195);
});

test('a slot that does not exist is missing evidence, and never a PASS', async () => {
  await using pair = await databasePair();
  const result = await run(pair, 'no_such_slot');
  expect(result.verdict).toBe('INCONCLUSIVE');
  expect(classes(result)).toEqual([['evidence-missing', 'capture', 'INCONCLUSIVE']]);
});

test('a slot whose WAL was removed is a FAIL, with the server’s reason', async () => {
  await using pair = await databasePair();
  const row = { active: 'false', wal_status: 'lost', reason: 'wal_removed', retained: null, bound: '-1' };
  const source = { query: async () => [row] } as unknown as Database;
  const config = { source: { url: pair.sourceUrl, slot: 'planted' } };
  const result = await check.run(contextOf({ config, databases: { source: async () => source } }));
  expect(classes(result)).toEqual([['slot-lost', 'capture', 'FAIL']]);
  expect(result).toMatchObject({ verdict: 'FAIL', detail: expect.stringContaining('wal_removed') });
});

test('the limit of the server outranks the configured budget', async () => {
  const row = { active: 'true', wal_status: 'extended', reason: null, retained: '900', bound: '1000' };
  const source = { query: async () => [row] } as unknown as Database;
  const config = { source: { url: 'unused', slot: 'planted' } };
  const result = await check.run(contextOf({ config, databases: { source: async () => source } }));
  expect(result).toMatchObject({
    verdict: 'WARN',
    detail: expect.stringContaining('900 bytes of 1000 bytes'),
  });
});
