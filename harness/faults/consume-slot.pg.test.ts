import { expect, test } from 'vitest';
import { databasePair } from '../../verifier/testing/databases.ts';
import { openAccess } from '../access/live-access.ts';
import type { FaultContext } from '../plugins/fault.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import consumeSlot from './consume-slot.ts';

test('the proof is a free slot past where it was, and changes that somebody has read', async () => {
  await using pair = await databasePair();
  const instance = {
    ...new FakeWorld().instance('consume', '/nowhere'),
    ...{ sourceUrl: pair.sourceUrl, slot: `consume_${process.pid}`, publication: 'consume_publication' },
  };
  await using access = await openAccess(instance);
  const { slot } = instance;
  await access.query('source', 'CREATE TABLE t (id int PRIMARY KEY)');
  await access.query('source', 'CREATE PUBLICATION consume_publication FOR TABLE t');
  await access.query('source', `SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
  try {
    const context = { access, instance, signal: AbortSignal.timeout(30_000), withinMs: 10_000 };
    const of = context as unknown as FaultContext;
    const before = await consumeSlot.observe(of, {});
    expect(await consumeSlot.prove(of, {}, before, {}), 'nobody has read').toBeUndefined();
    const idle = await consumeSlot.inject(of, {});
    expect(await consumeSlot.prove(of, {}, before, idle), 'there was nothing to read').toBeUndefined();
    await access.query('source', 'INSERT INTO t SELECT generate_series(1, 7)');
    const done = await consumeSlot.inject(of, {});
    const proof = await consumeSlot.prove(of, {}, before, done);
    expect(proof).toMatchObject({ changesRead: 7, confirmedBefore: done.confirmedBefore });
    expect(proof?.skippedBytes).toBeGreaterThan(0);
  } finally {
    await access.query('source', 'SELECT pg_drop_replication_slot($1)', [slot]);
  }
});
