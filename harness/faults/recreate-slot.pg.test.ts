import { expect, test } from 'vitest';
import { databasePair } from '../../verifier/testing/databases.ts';
import { openAccess } from '../access/live-access.ts';
import type { FaultContext } from '../plugins/fault.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import recreateSlot from './recreate-slot.ts';

test('the proof is a free slot where the new one was created, not one that moved on', async () => {
  await using pair = await databasePair();
  const instance = {
    ...new FakeWorld().instance('recreate', '/nowhere'),
    sourceUrl: pair.sourceUrl,
    slot: `recreate_${process.pid}`,
  };
  await using access = await openAccess(instance);
  const { slot } = instance;
  await access.query('source', 'CREATE TABLE t (id int)');
  await access.query('source', `SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
  try {
    const context = { access, instance, signal: AbortSignal.timeout(30_000), withinMs: 10_000 };
    const of = context as unknown as FaultContext;
    const before = await recreateSlot.observe(of, {});
    // As a capture that runs does: the slot moves on, and so does its catalog_xmin.
    await access.query('source', 'CREATE TABLE u (id int)');
    await access.query('source', 'SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [slot]);
    await access.query('source', 'CREATE TABLE v (id int)');
    await access.query('source', 'SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [slot]);
    expect(await recreateSlot.prove(of, {}, before, {}), 'it only moved').toBeUndefined();
    await access.query('source', 'INSERT INTO t SELECT generate_series(1, 100)');
    const done = await recreateSlot.inject(of, {});
    const proof = await recreateSlot.prove(of, {}, before, done);
    expect(proof).toMatchObject({ confirmedBefore: done.dropped, confirmedAfter: done.created });
    expect(proof?.skippedBytes).toBeGreaterThan(0);
    await access.query('source', 'INSERT INTO t SELECT generate_series(1, 100)');
    await access.query('source', 'SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [slot]);
    expect(await recreateSlot.prove(of, {}, before, done), 'it has moved since').toBeUndefined();
  } finally {
    await access.query('source', 'SELECT pg_drop_replication_slot($1)', [slot]);
  }
});
