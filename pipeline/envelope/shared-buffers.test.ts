import { expect, test } from 'vitest';
import { insertBytes } from '../../fixtures/pgoutput-bytes.ts';
import type { FastRecord } from '../contract/records.ts';
import { createFastReader } from '../pgoutput/fast-path.ts';
import { createEventEncoder } from './encoder.ts';
import { BUFFER_BYTES, SharedBuffers } from './shared-buffers.ts';
import { column, DEFAULTS, STREAM, table } from './testing/fixtures.ts';

const readFastChange = createFastReader();

/** Encodes rows by their number, each with a value that shows whose it is. */
function rows(): (n: number) => FastRecord {
  const encoder = createEventEncoder(DEFAULTS);
  encoder.describe(table([column('id', 'int4', { keyRank: 1, notNull: true }), column('body', 'text')]));
  return (n) => {
    const change = readFastChange(insertBytes(1, [String(n), `${n} `.repeat(1 + (n % 200))]));
    const record = change && encoder.encodeFast?.(change, STREAM);
    if (record === undefined) throw new Error('the fast path did not take the row');
    return record;
  };
}

const isOf = (record: FastRecord, n: number): boolean =>
  String(record.key) === `{"id":${n}}` &&
  JSON.parse(String(record.value)).after.body === `${n} `.repeat(1 + (n % 200));

test('however many rows there are, only so many buffers are made as are in flight', () => {
  const row = rows();
  const buffers = new Set<ArrayBufferLike>();
  const inFlight: FastRecord[] = [];
  for (let n = 0; n < 20_000; n++) {
    const record = row(n);
    buffers.add(record.bytes.buffer);
    inFlight.push(record);
    if (inFlight.length > 1_000) inFlight.shift()?.release();
  }
  // 1,000 records of at most a kilobyte, and the buffer that is being written.
  expect(buffers.size).toBeLessThanOrEqual(6);
});

test('a record that is not released keeps its bytes, in whatever order the others are', () => {
  const row = rows();
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const inFlight: { readonly n: number; readonly record: FastRecord }[] = [];
  const wrong: number[] = [];
  for (let n = 0; n < 10_000; n++) {
    inFlight.push({ n, record: row(n) });
    if (inFlight.length <= 700) continue;
    const [one] = inFlight.splice(random(inFlight.length), 1);
    if (one === undefined) continue;
    if (!isOf(one.record, one.n)) wrong.push(one.n);
    one.record.release();
  }
  wrong.push(...inFlight.flatMap(({ n, record }) => (isOf(record, n) ? [] : [n])));
  expect(wrong).toEqual([]);
});

test('a record that is never released keeps its bytes while thousands are written behind it', () => {
  const row = rows();
  const kept = row(7);
  for (let n = 0; n < 20_000; n++) row(n).release();
  expect(isOf(kept, 7)).toBe(true);
});

test('a released record is empty, not another one, and a second release does nothing', () => {
  const row = rows();
  const [first, second] = [row(1), row(2)];
  first.release();
  first.release();
  expect(first.value?.length).toBe(0);
  for (let n = 3; n < 5_000; n++) row(n).release();
  expect(isOf(second, 2)).toBe(true);
});

test('a buffer of one large record is not kept', () => {
  const buffers = new SharedBuffers();
  const large = buffers.withRoom(2 * BUFFER_BYTES);
  large.add(2 * BUFFER_BYTES);
  large.release();
  expect(buffers.withRoom(3 * BUFFER_BYTES).bytes.length).toBe(3 * BUFFER_BYTES);
  expect(buffers.withRoom(1).bytes.length).toBe(3 * BUFFER_BYTES);
});
