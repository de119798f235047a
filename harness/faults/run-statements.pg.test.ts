import { expect, test } from 'vitest';
import { databasePair } from '../../verifier/testing/databases.ts';
import { openAccess } from '../access/live-access.ts';
import type { FaultContext } from '../plugins/fault.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import runStatements from './run-statements.ts';

/** A pair of databases with one row, and what the fault makes of these transactions at the source. */
async function onPair(
  transactions: string[][],
  work: (at: {
    inject(): Promise<unknown>;
    prove(): Promise<unknown>;
    rows(): Promise<unknown>;
  }) => Promise<void>,
): Promise<void> {
  await using pair = await databasePair();
  const instance = { ...new FakeWorld().instance('statements', '/nowhere'), sourceUrl: pair.sourceUrl };
  await using access = await openAccess(instance);
  await access.query('source', 'CREATE TABLE t (id int PRIMARY KEY)');
  await access.query('source', 'INSERT INTO t VALUES (1)');
  const context = { access, signal: new AbortController().signal } as FaultContext;
  const params = runStatements.params.parse({ on: 'source', transactions });
  const before = await runStatements.observe(context, params);
  let done = {};
  await work({
    inject: async () => {
      done = await runStatements.inject(context, params);
    },
    prove: () => runStatements.prove(context, params, before, done),
    rows: () => access.query('source', 'SELECT id FROM t ORDER BY id'),
  });
}

test('the proof is that the server has committed each transaction, and how many rows it touched', async () => {
  await onPair(
    [['INSERT INTO t VALUES (2), (3)'], ['TRUNCATE t', 'INSERT INTO t VALUES (4)']],
    async (at) => {
      expect(await at.prove(), 'nothing is proven before').toBeUndefined();
      await at.inject();
      const proof = { on: 'source', committed: [expect.stringMatching(/^xid \d+$/), expect.anything()] };
      expect(await at.prove()).toMatchObject({ ...proof, rowsTouched: 3 });
      expect(await at.rows()).toEqual([{ id: 4 }]);
    },
  );
});

test('a transaction that fails is rolled back as a whole, and is no proof', async () => {
  await onPair([['INSERT INTO t VALUES (2)', 'INSERT INTO t VALUES (1)']], async (at) => {
    await expect(at.inject()).rejects.toThrow('duplicate key');
    expect(await at.prove()).toBeUndefined();
    expect(await at.rows()).toEqual([{ id: 1 }]);
  });
});

test('a statement that touches no row is named, and is no proof', async () => {
  await onPair([['DELETE FROM t WHERE id = 7']], async (at) => {
    await expect(at.inject()).rejects.toThrow('touched no row: DELETE FROM t WHERE id = 7');
    expect(await at.prove()).toBeUndefined();
  });
});

test('a transaction that wrote nothing has no id, and is no proof', async () => {
  await onPair([['INSERT INTO t VALUES (2)'], ['SELECT id FROM t']], async (at) => {
    await at.inject();
    expect(await at.rows(), 'the other one is committed').toEqual([{ id: 1 }, { id: 2 }]);
    expect(await at.prove()).toBeUndefined();
  });
});
