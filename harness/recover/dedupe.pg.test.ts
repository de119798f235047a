import { expect, test } from 'vitest';
import { databasePair } from '../../verifier/testing/databases.ts';
import { openAccess } from '../access/live-access.ts';
import type { RecoveryContext } from '../plugins/recovery.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import dedupe from './dedupe.ts';

test('a table that is not in the schema public is found, at the source and in the sink', async () => {
  await using pair = await databasePair();
  const instance = {
    ...new FakeWorld().instance('dedupe', '/nowhere'),
    ...{ sourceUrl: pair.sourceUrl, sinkUrl: pair.sinkUrl, publication: 'dedupe_publication' },
  };
  await using access = await openAccess(instance);
  const context = { access, instance, signal: AbortSignal.timeout(30_000), withinMs: 10_000 };
  const on = context as unknown as RecoveryContext;
  const given = { table: 'bills', addKey: false };
  for (const schema of ['sales', 'archive']) {
    await access.query('source', `CREATE SCHEMA ${schema}`);
    await access.query('source', `CREATE TABLE ${schema}.bills (id int PRIMARY KEY)`);
  }
  await access.query('source', 'CREATE PUBLICATION dedupe_publication FOR TABLE sales.bills');
  await expect(dedupe.plan(on, given)).rejects.toThrow('the sink has no table bills');
  await access.query('sink', 'CREATE SCHEMA copies');
  await access.query('sink', 'CREATE TABLE copies.bills (id int, _cdc_position text)');
  await access.query('sink', `INSERT INTO copies.bills VALUES (1, 'a'), (1, 'b'), (2, 'a')`);
  expect((await dedupe.plan(on, given)).does).toEqual([
    'deletes 1 surplus rows of 1 keys from sales.bills in the sink',
  ]);
  await dedupe.run(on, given);
  expect(await access.query('sink', 'SELECT * FROM copies.bills ORDER BY id')).toEqual([
    { id: 1, _cdc_position: 'b' },
    { id: 2, _cdc_position: 'a' },
  ]);
  await access.query('sink', 'CREATE SCHEMA other');
  await access.query('sink', 'CREATE TABLE other.bills (id int)');
  await expect(dedupe.plan(on, given)).rejects.toThrow('several tables bills');
  await access.query('source', 'ALTER PUBLICATION dedupe_publication ADD TABLE archive.bills');
  await expect(dedupe.plan(on, given)).rejects.toThrow('archive.bills, sales.bills');
});
