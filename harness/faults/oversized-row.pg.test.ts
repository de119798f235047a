import { expect, test } from 'vitest';
import { databasePair } from '../../verifier/testing/databases.ts';
import { openAccess } from '../access/live-access.ts';
import type { FaultContext } from '../plugins/fault.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import oversizedRow from './oversized-row.ts';

test('the proof is the row that was inserted, not another one of that size', async () => {
  await using pair = await databasePair();
  const instance = { ...new FakeWorld().instance('oversized', '/nowhere'), sourceUrl: pair.sourceUrl };
  await using access = await openAccess(instance);
  await access.query('source', 'CREATE TABLE documents (id uuid PRIMARY KEY, title text, body text)');
  const context = { access } as FaultContext;
  const params = { bytes: 100_000 };
  const before = await oversizedRow.observe(context, params);
  await access.query('source', `INSERT INTO documents VALUES (gen_random_uuid(), '', repeat('x', 100000))`);
  expect(await oversizedRow.prove(context, params, before, {}), 'somebody else’s row').toBeUndefined();
  const done = await oversizedRow.inject(context, params);
  const proof = { key: done.id, bytes: 100_000, transaction: 'committed' };
  expect(await oversizedRow.prove(context, params, before, done)).toEqual(proof);
  await access.query('source', 'DELETE FROM documents WHERE id = $1', [done.id]);
  expect(await oversizedRow.prove(context, params, before, done), 'it is gone').toBeUndefined();
});
