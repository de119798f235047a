import { expect, test } from 'vitest';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import { applyBench, del, put, truncate } from '../testing/apply-bench.ts';
import { positionAt, rawSweep } from '../testing/event-fixture.ts';

const bench = applyBench();

const outcome = () =>
  bench.db.rows(
    'SELECT partition, snapshot, deleted::int, refused, done_at IS NOT NULL AS done FROM _cdc_sweeps ORDER BY 1',
  );

test('rows that a complete snapshot did not see are deleted; those of the snapshot and newer ones stay', async () => {
  const sink = await bench.open();
  await sink.apply(put(1, 'ghost', [1, 1]), put(2, 'old', [1, 2]), put(3, 'gone', [2, 1], 'r'));
  // While the snapshot at 9 is read, the stream brings a row that is newer.
  await sink.apply(put(2, 'read', [9, 0], 'r'), put(4, 'new', [12, 1], 'c'));
  expect(await sink.apply(rawSweep('s', [9, 0]))).toEqual({ applied: 0, suppressed: 0, deadLettered: 0 });
  expect(await bench.names()).toBe('2:read 4:new');
  expect(await outcome()).toEqual([{ partition: 0, snapshot: 's', deleted: 2, refused: null, done: true }]);
});

test('the record and what it ends may come in one batch', async () => {
  const sink = await bench.open();
  await sink.apply(
    put(1, 'ghost', [1, 1]),
    put(2, 'read', [9, 0], 'r'),
    rawSweep('s', [9, 0]),
    put(3, 'c', [11, 1]),
  );
  expect(await bench.names()).toBe('2:read 3:c');
});

test('a swept row does not come back with a record from before the snapshot, but with one from after it', async () => {
  const sink = await bench.open();
  await sink.apply(put(1, 'ghost', [1, 1]), rawSweep('s', [9, 0]));
  expect(await sink.apply(put(1, 'ghost', [1, 1]), put(1, 'late', [8, 1]))).toMatchObject({ applied: 0 });
  expect(await bench.names()).toBe('');
  await sink.apply(put(1, 'again', [10, 1], 'c'));
  expect(await bench.names()).toBe('1:again');
});

test('nothing is deleted before every partition has come so far', async () => {
  const first = await bench.open();
  const second = await bench.open({}, 1);
  await first.apply(put(1, 'ghost', [1, 1]));
  await second.apply(put(2, 'old', [1, 2]));
  await first.apply(rawSweep('s', [9, 0], 2));
  expect(await bench.names()).toBe('1:ghost 2:old');
  await second.apply(put(2, 'read', [9, 0], 'r'), rawSweep('s', [9, 0], 2));
  expect(await bench.names()).toBe('2:read');
  expect(await outcome()).toMatchObject([
    { deleted: 1, done: true },
    { deleted: 1, done: true },
  ]);
});

test('two partitions that come to the end at the same moment sweep once', async () => {
  const first = await bench.open();
  const second = await bench.open({}, 1);
  await first.apply(put(1, 'ghost', [1, 1]));
  await Promise.all([
    first.apply(put(3, 'read', [9, 0], 'r'), rawSweep('s', [9, 0], 2)),
    second.apply(put(2, 'read', [9, 0], 'r'), rawSweep('s', [9, 0], 2)),
  ]);
  expect(await bench.names()).toBe('2:read 3:read');
});

test('a partition that is replayed ends no other snapshot than its last', async () => {
  const first = await bench.open();
  const second = await bench.open({}, 1);
  await first.apply(
    put(1, 'a', [1, 1]),
    rawSweep('one', [5, 0], 2),
    put(1, 'read', [9, 0], 'r'),
    rawSweep('two', [9, 0], 2),
  );
  // The other partition is still at the first snapshot, which this one has passed.
  await second.apply(put(2, 'b', [6, 0], 'r'), rawSweep('one', [5, 0], 2));
  expect(await bench.names()).toBe('1:read 2:b');
  await second.apply(put(3, 'read', [9, 0], 'r'), rawSweep('two', [9, 0], 2));
  expect(await bench.names()).toBe('1:read 3:read');
});

test('a second snapshot with the id of the first waits for every partition again', async () => {
  const first = await bench.open();
  const second = await bench.open({}, 1);
  await first.apply(put(1, 'a', [1, 1]), rawSweep('initial', [0, 5], 2));
  await second.apply(put(2, 'b', [1, 2]), rawSweep('initial', [0, 5], 2));
  await first.apply(put(1, 'read', [9, 0], 'r'), rawSweep('initial', [9, 0], 2));
  expect(await bench.names()).toBe('1:read 2:b');
  await second.apply(put(2, 'read', [9, 0], 'r'), put(3, 'ghost', [2, 1]), rawSweep('initial', [9, 0], 2));
  expect(await bench.names()).toBe('1:read 2:read');
});

test('the mark of a swept row does not outdo a row of the snapshot itself', async () => {
  const sink = await bench.open();
  await sink.apply(put(1, 'ghost', [1, 1]), rawSweep('s', [9, 0]));
  await sink.apply(put(1, 'read', [9, 0], 'r'));
  expect(await bench.names()).toBe('1:read');
});

test('the record again changes nothing', async () => {
  const sink = await bench.open();
  await sink.apply(put(1, 'ghost', [1, 1]), put(2, 'read', [9, 0], 'r'), rawSweep('s', [9, 0]));
  await sink.apply(put(5, 'new', [12, 1], 'c'), rawSweep('s', [9, 0]));
  expect(await bench.names()).toBe('2:read 5:new');
});

test('a sweep whose transaction is lost has deleted nothing, and is done again with the batch', async () => {
  const sink = await bench.open();
  await sink.apply(put(1, 'ghost', [1, 1]));
  const held = sink.context.arm(CRASH_POINTS.afterApplyBeforeCommit);
  const dying = sink.apply(rawSweep('s', [9, 0]));
  await held.arrived;
  expect(await bench.names()).toBe('1:ghost');
  await bench.db.rows(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`,
  );
  held.release();
  await dying;
  expect(await bench.names()).toBe('');
  expect(await outcome()).toMatchObject([{ deleted: 1 }]);
});

test('a TRUNCATE and deletes of the stream go together with it', async () => {
  const sink = await bench.open();
  await sink.apply(put(1, 'a', [1, 1]), put(2, 'b', [1, 2]));
  await sink.apply(
    put(2, 'read', [9, 0], 'r'),
    del(2, [10, 1]),
    truncate([11, 1]),
    put(3, 'c', [12, 1], 'c'),
  );
  await sink.apply(rawSweep('s', [9, 0]));
  expect(await bench.names()).toBe('3:c');
});

test('rows that the sink did not write have no position, and stay', async () => {
  const sink = await bench.open();
  await sink.apply(put(1, 'ghost', [1, 1]));
  await bench.db.rows("INSERT INTO customers (id, name) VALUES (7, 'by hand')");
  await sink.apply(rawSweep('s', [9, 0]));
  expect(await bench.names()).toBe('7:by hand');
});

test.each([
  [{ 'delete.enabled': 'false' }, 'delete.enabled is false'],
  [{ 'dedup.mode': 'none' }, 'does not compare positions'],
])('a sink with %j leaves the rows, and says why', async (keys, why) => {
  const sink = await bench.open(keys);
  await sink.apply(put(1, 'ghost', [1, 1]), rawSweep('s', [9, 0]));
  expect(await bench.names()).toBe('1:ghost');
  expect(await outcome()).toMatchObject([{ deleted: 0, done: true, refused: expect.stringContaining(why) }]);
});

test('a table that has rows of another topic is left alone', async () => {
  const sink = await bench.open();
  await sink.apply(put(1, 'ghost', [1, 1]));
  await bench.db.rows(
    `INSERT INTO _cdc_stats (connector, table_name, topic, partition, applied) VALUES ('c', 'public.customers', 'shard2', 0, 1)`,
  );
  await sink.apply(rawSweep('s', [9, 0]));
  expect(await bench.names()).toBe('1:ghost');
  expect(await outcome()).toMatchObject([{ refused: 'the table has rows of another topic, shard2' }]);
});

test('a record of the snapshot that was set aside keeps the older version of its row', async () => {
  const sink = await bench.open();
  await sink.apply(put(1, 'old', [1, 1]));
  await bench.db.rows(
    `INSERT INTO _cdc_sweeps (connector, topic, partition, set_aside) VALUES ('c', 'lab.public.customers', 0, '${positionAt(9, 0)}')`,
  );
  await sink.apply(rawSweep('s', [9, 0]));
  expect(await bench.names()).toBe('1:old');
  await sink.apply(put(1, 'read', [11, 0], 'r'), put(2, 'ghost', [2, 1]), rawSweep('t', [11, 0]));
  expect(await bench.names()).toBe('1:read');
});

test('a table that the sink does not have yet is swept at once', async () => {
  const sink = await bench.open();
  await sink.apply(rawSweep('s', [9, 0]));
  expect(await outcome()).toMatchObject([{ deleted: 0, refused: null, done: true }]);
});
