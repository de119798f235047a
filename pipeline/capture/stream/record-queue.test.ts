import { expect, test } from 'vitest';
import type { Lsn } from '../../contract/lsn.ts';
import type { Position } from '../../contract/position.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { CommitMark } from '../position/commit-mark.ts';
import { RecordQueue } from './record-queue.ts';

const record = (n: number, bytes = 1): ProducedRecord => ({
  topic: 't',
  key: null,
  value: Buffer.alloc(bytes),
  headers: new Map(),
  position: String(n) as Position,
});
const records = (count: number) => Array.from({ length: count }, (_, i) => record(i));
const commit = (endLsn: bigint): CommitMark => ({
  endLsn: endLsn as Lsn,
  xid: 1,
  commitTimeUs: 0n,
  table: 't',
  signals: [],
});
const ends = (marks: readonly CommitMark[]) => marks.map((mark) => Number(mark.endLsn));

test('a transaction is acknowledged only with every record up to its end', () => {
  const queue = new RecordQueue();
  queue.add(records(3));
  queue.commit(commit(10n));
  queue.add(records(2));
  queue.commit(commit(20n));
  expect(queue.take(4, 1e6).records).toHaveLength(4);
  expect(ends(queue.acknowledge(2))).toEqual([]);
  expect(ends(queue.acknowledge(2))).toEqual([10]);
  expect(queue.idle).toBe(false);
  expect(queue.take(4, 1e6).records).toHaveLength(1);
  expect(ends(queue.acknowledge(1))).toEqual([20]);
  expect(queue.idle).toBe(true);
});

test('a transaction without records is acknowledged after the records before it', () => {
  const queue = new RecordQueue();
  queue.commit(commit(5n));
  expect(queue.idle).toBe(false);
  expect(ends(queue.acknowledge(0))).toEqual([5]);
  queue.add(records(1));
  queue.commit(commit(10n));
  queue.commit(commit(15n));
  expect(ends(queue.acknowledge(0))).toEqual([]);
  queue.take(1, 1e6);
  expect(ends(queue.acknowledge(1))).toEqual([10, 15]);
});

test('a batch keeps its bounds, and says whether it starts a transaction', () => {
  const queue = new RecordQueue();
  queue.add(records(3));
  queue.commit(commit(10n));
  queue.add([record(3, 5_000), record(4, 5_000)]);
  const first = queue.take(2, 1e6);
  const second = queue.take(2, 1e6);
  const third = queue.take(10, 100);
  expect([first, second, third].map((b) => [b.records.length, b.startsTransaction])).toEqual([
    [2, true],
    [2, false],
    [1, false],
  ]);
  expect(queue.waiting).toBe(0);
  expect(queue.bytes).toBe(0);
  expect(queue.unacknowledged).toBe(5);
});

test('a record is taken even if it alone is larger than the bound', () => {
  const queue = new RecordQueue();
  queue.add([record(1, 10_000)]);
  expect(queue.take(10, 100)).toMatchObject({ startsTransaction: true, records: [{}] });
});

test('waiting ends at a commit, at a nudge, and at once if records are waiting', async () => {
  const queue = new RecordQueue();
  const order: string[] = [];
  const first = queue.ready().then(() => order.push('ready'));
  await Promise.resolve();
  order.push('commit');
  queue.commit(commit(1n));
  await first;
  queue.acknowledge(0);
  const second = queue.ready().then(() => order.push('nudged'));
  queue.nudge();
  await second;
  queue.add(records(1));
  await queue.ready();
  expect(order).toEqual(['commit', 'ready', 'nudged']);
});

test('the acknowledged position follows the acknowledged transactions, and keepalives while nothing waits', () => {
  const queue = new RecordQueue();
  queue.add(records(2));
  queue.commit(commit(10n));
  queue.take(1, 1e6);
  queue.acknowledge(1);
  expect(queue.acknowledgedLsn).toBe(0n);
  queue.take(1, 1e6);
  queue.acknowledge(1);
  expect(queue.acknowledgedLsn).toBe(10n);
  queue.passed(30n as Lsn);
  queue.passed(20n as Lsn);
  expect(queue.acknowledgedLsn).toBe(30n);
});

const refused = expect.objectContaining({ code: 'CDC-1063' });

test('an acknowledgement of records that were not taken is refused', () => {
  const queue = new RecordQueue();
  queue.add(records(3));
  queue.take(2, 1e6);
  expect(() => queue.acknowledge(3)).toThrow(refused);
  queue.acknowledge(2);
  expect(() => queue.acknowledge(1)).toThrow(refused);
});

test('a commit that ends before its predecessor is refused', () => {
  const queue = new RecordQueue();
  queue.commit(commit(10n));
  expect(() => queue.commit(commit(9n))).toThrow(refused);
});

test('a keepalive may not pass records that are unacknowledged', () => {
  const queue = new RecordQueue();
  queue.add(records(1));
  queue.commit(commit(10n));
  expect(() => queue.passed(20n as Lsn)).toThrow(refused);
  expect(queue.acknowledgedLsn).toBe(0n);
});
