import { expect, test } from 'vitest';
import type { Lsn } from '../../contract/lsn.ts';
import type { CommitMark } from './commit-mark.ts';
import { OffsetBook } from './offset-book.ts';
import { parseOffset } from './source-offset.ts';

const lsn = (n: number) => BigInt(n) as Lsn;
const commit = (end: number): CommitMark => ({
  endLsn: lsn(end),
  xid: 1,
  commitTimeUs: 0n,
  table: 't',
  signals: [],
});

/** A book that starts at 0/64, and the positions that reach its offsets topic. */
function bookAt100() {
  const stored: unknown[] = [];
  const store = async (offset: Readonly<Record<string, unknown>>) => {
    stored.push(offset.lsn);
  };
  return { book: new OffsetBook({ store }, parseOffset({ lsn: 100 })), stored };
}

test('a position is stored once Kafka has acknowledged it, and may be flushed once it is stored', async () => {
  const { book, stored } = bookAt100();
  await book.store();
  book.committed(commit(200));
  book.acknowledged(lsn(200));
  expect(() => book.assertStored(lsn(200))).toThrow();
  await book.store();
  book.assertStored(lsn(200));
  expect(stored).toEqual([100, 200]);
});

test('a flush ahead of the stored position is refused', async () => {
  const { book } = bookAt100();
  expect(() => book.assertStored(lsn(100))).toThrow(expect.objectContaining({ code: 'CDC-1060' }));
  await book.store();
  book.assertStored(lsn(100));
  expect(() => book.assertStored(lsn(101))).toThrow(expect.objectContaining({ code: 'CDC-1060' }));
});

test('a position that Kafka has not acknowledged is refused and not stored', async () => {
  const { book, stored } = bookAt100();
  book.committed(commit(200));
  book.acknowledged(lsn(199));
  await expect(book.store()).rejects.toMatchObject({ code: 'CDC-1061' });
  expect(stored).toEqual([]);
});

test('a position behind the stored one is refused and not stored', async () => {
  const { book, stored } = bookAt100();
  await book.store();
  book.change({ flushLsn: lsn(99) });
  await expect(book.store()).rejects.toMatchObject({ code: 'CDC-1062' });
  expect(stored).toEqual([100]);
});

test('a store that fails moves no bound', async () => {
  const store = async () => {
    throw new Error('no broker');
  };
  const book = new OffsetBook({ store }, parseOffset({ lsn: 100 }));
  await expect(book.store()).rejects.toThrow('no broker');
  expect(() => book.assertStored(lsn(100))).toThrow(expect.objectContaining({ code: 'CDC-1060' }));
});
