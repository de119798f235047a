import { expect, test } from 'vitest';
import type { PassFence } from '../observe/fence.ts';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { type Settled, settle } from './settle.ts';
import { pairTables } from './table-pair.ts';

async function settleAll(
  pair: DatabasePair,
  keys: readonly string[],
  passFence: PassFence,
): Promise<Settled> {
  const [ours, theirs] = [await readCatalogue(pair.source), await readCatalogue(pair.sink)];
  const table = ours.get('public.items');
  if (table === undefined) throw new Error('no table');
  const suspected = { pair: pairTables(table, theirs.get('public.items')), suspects: keys };
  const options = { rounds: 3, passFence, versionColumn: 'version' };
  const [settled] = await settle(pair.source, pair.sink, [suspected], options);
  if (settled === undefined || settled instanceof Error) throw settled;
  return settled;
}

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, name text, version bigint);
  INSERT INTO items VALUES (1, 'a', 1), (2, 'a', 1), (3, 'a', 1)`;
const passed = async (): Promise<'passed'> => 'passed';

test('a row that arrives while the fence is passed is right', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSource(`UPDATE items SET name = 'b', version = 2 WHERE id = 1`);
  const settled = await settleAll(pair, ['["1"]'], async () => {
    await pair.onSink(`UPDATE items SET name = 'b', version = 2 WHERE id = 1`);
    return 'passed';
  });
  expect(settled).toMatchObject({ wrong: [], inFlight: [] });
});

test('a row that is written to during each round is in flight, neither right nor wrong', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSource(`UPDATE items SET name = 'x', version = 9 WHERE id = 1`);
  let version = 10;
  const settled = await settleAll(pair, ['["1"]', '["2"]'], async () => {
    await pair.onSource(`UPDATE items SET version = ${version++} WHERE id = 1`);
    return 'passed';
  });
  expect(settled).toMatchObject({ wrong: [], inFlight: ['["1"]'] });
});

test('a row that changes and changes back during the comparison is not mistaken for an unchanged one', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink(`UPDATE items SET name = 'b' WHERE id = 1`);
  const settled = await settleAll(pair, ['["1"]'], async () => {
    await pair.onSource(`UPDATE items SET name = 'b' WHERE id = 1; UPDATE items SET name = 'a' WHERE id = 1`);
    return 'passed';
  });
  expect(settled).toMatchObject({ wrong: [], inFlight: ['["1"]'] });
});

test('a row that was deleted at the source meanwhile may be in the sink or not', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink('DELETE FROM items WHERE id = 2');
  const settled = await settleAll(pair, ['["1"]', '["2"]'], async () => {
    await pair.onSource('DELETE FROM items');
    return 'passed';
  });
  expect(settled).toMatchObject({ wrong: [], inFlight: [] });
});

test('a row that differs and does not change is wrong in the first round', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink('DELETE FROM items WHERE id = 3');
  expect((await settleAll(pair, ['["3"]'], passed)).wrong).toMatchObject([
    { class: 'missing', keyText: '["3"]' },
  ]);
});

test('if the fence is not passed, nothing is called wrong', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink('DELETE FROM items');
  const settled = await settleAll(pair, ['["3"]'], async () => 'sync-in-progress');
  expect(settled).toEqual({ wrong: [], inFlight: ['["3"]'], stopped: 'sync-in-progress' });
});
