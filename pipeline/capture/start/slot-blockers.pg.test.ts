import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { expect, inject, test } from 'vitest';
import { createSlot } from '../source/slot.ts';
import { tellBlockers } from './slot-blockers.ts';

const asText = { getTypeParser: () => (value: string) => value };

async function connected(own: object = {}): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: inject('sourceUrl'), types: asText, ...own });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

test('the open transaction that a slot waits for is named while it waits, and no longer afterwards', async () => {
  await using writer = await connected({ application_name: 'forgetful' });
  await using sql = await connected();
  await using replication = await connected({ replication: 'database' });
  await writer.query('BEGIN');
  await writer.query('SELECT pg_current_xact_id()');
  const slot = `blocked_${randomUUID().slice(0, 8)}`;
  const creating = createSlot(replication, slot, { temporary: true });
  const pid = (replication as Client & { readonly processID?: number }).processID ?? 0;
  let said: string | undefined;
  const over = new AbortController();
  const telling = tellBlockers(sql, pid, (by) => (said = by), over.signal);
  await expect.poll(() => said, { timeout: 10_000 }).toMatch(/^pid \d+ in database .+ \(forgetful, idle in/);
  expect(said).toContain('open for');
  await writer.query('COMMIT');
  await creating;
  await expect.poll(() => said, { timeout: 10_000 }).toBeUndefined();
  over.abort();
  await telling;
});
