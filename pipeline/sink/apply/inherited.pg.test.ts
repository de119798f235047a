import { describe, expect, test } from 'vitest';
import { applyBench, del, put, truncate } from '../testing/apply-bench.ts';
import { decimal, rawEvent } from '../testing/event-fixture.ts';

const bench = applyBench();
const COLUMNS = 'id int PRIMARY KEY, name text, amount numeric(12,2)';

describe('a table that another one inherits from', () => {
  /** `customers` with row 1, and a child of it with a row of the same key. */
  const withChild = async (): Promise<void> => {
    await bench.db.rows(`CREATE TABLE customers (${COLUMNS});
      CREATE TABLE child () INHERITS (customers);
      INSERT INTO customers VALUES (1, 'parent'); INSERT INTO child VALUES (1, 'child')`);
  };
  const child = async (): Promise<unknown> => bench.db.rows('SELECT id, name, amount::text FROM child');
  const UNTOUCHED = [{ id: 1, name: 'child', amount: null }];

  test.each(['lsn', 'none'])('is updated without its child (dedup.mode=%s)', async (dedup) => {
    await withChild();
    const sink = await bench.open({ 'dedup.mode': dedup });
    await sink.apply(put(1, 'new', [1, 1]));
    const after = { id: 1, name: '__debezium_unavailable_value', amount: decimal(200) };
    await sink.apply(rawEvent({ op: 'u', id: 1, after, at: [2, 1] }));
    expect(await child()).toEqual(UNTOUCHED);
    expect(await bench.db.rows('SELECT id, name, amount::text FROM ONLY customers')).toEqual([
      { id: 1, name: 'new', amount: '2.00' },
    ]);
  });

  test.each(['lsn', 'none'])('loses a row, and its child keeps its own (dedup.mode=%s)', async (dedup) => {
    await withChild();
    const sink = await bench.open({ 'dedup.mode': dedup });
    await sink.apply(del(1, [2, 1]));
    expect(await child()).toEqual(UNTOUCHED);
    expect(await bench.db.rows('SELECT id FROM ONLY customers')).toEqual([]);
  });

  test.each(['lsn', 'none'])('is truncated without its child (dedup.mode=%s)', async (dedup) => {
    await withChild();
    const sink = await bench.open({ 'dedup.mode': dedup });
    await sink.apply(truncate([2, 1]));
    expect(await child()).toEqual(UNTOUCHED);
    expect(await bench.db.rows('SELECT id FROM ONLY customers')).toEqual([]);
  });

  test("counts an event for its own row by that row's position, not by the child's", async () => {
    await withChild();
    const sink = await bench.open();
    await sink.apply(put(1, 'a', [2, 1]));
    await bench.db.rows(`UPDATE child SET _cdc_position = 'Z'`);
    expect(await sink.apply(put(1, 'b', [3, 1]), put(1, 'c', [4, 1]))).toMatchObject({ applied: 2 });
  });
});

test('a partitioned table is changed through its root', async () => {
  await bench.db.rows(`CREATE TABLE customers (${COLUMNS}) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF customers FOR VALUES FROM (0) TO (10);
    CREATE TABLE high PARTITION OF customers FOR VALUES FROM (10) TO (20)`);
  const sink = await bench.open();
  await sink.apply(put(1, 'a', [1, 1]), put(11, 'b', [1, 2]), put(12, 'c', [1, 3]));
  const after = { id: 11, name: '__debezium_unavailable_value', amount: decimal(200) };
  await sink.apply(rawEvent({ op: 'u', id: 11, after, at: [2, 1] }), del(12, [2, 2]));
  expect(await bench.db.rows('SELECT id, name, amount::text FROM customers ORDER BY id')).toEqual([
    { id: 1, name: 'a', amount: '1.00' },
    { id: 11, name: 'b', amount: '2.00' },
  ]);
  await sink.apply(truncate([3, 1]));
  expect(await bench.names()).toBe('');
});
