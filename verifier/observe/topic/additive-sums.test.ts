import { expect, test } from 'vitest';
import { AdditiveSums } from './additive-sums.ts';
import { parsePosition } from './parsed-position.ts';
import type { RawRecord } from './topic-reader.ts';

const COLUMNS = [
  { name: 'quantity', scale: 0 },
  { name: 'amount', scale: 2 },
];

const decimal = (field: string, scale: string) => ({
  type: 'bytes',
  name: 'org.apache.kafka.connect.data.Decimal',
  parameters: { scale },
  field,
});
const schemaOf = (scale: string) => ({
  type: 'struct',
  fields: [
    {
      type: 'struct',
      fields: [{ type: 'int32', field: 'quantity' }, decimal('amount', scale)],
      field: 'after',
    },
  ],
});

interface Change {
  readonly key: string | null;
  readonly at: number;
  readonly op?: string;
  readonly after?: unknown;
  readonly partition?: number;
  readonly scale?: string;
}

/** Connect's Decimal in base64: -1.50 is the bytes FF 6A, and 2.00 is 00 C8. */
const [MINUS_1_50, TWO] = ['/2o=', 'AMg='];
const image = (quantity: number | null, amount: string | null = TWO) => ({ quantity, amount });

function follow(changes: readonly Change[], columns = COLUMNS): AdditiveSums {
  const sums = new AdditiveSums(columns);
  for (const [i, { key, at, op = 'u', after = null, partition = 0, scale = '2' }] of changes.entries()) {
    const value = { schema: schemaOf(scale), payload: { op, before: null, after } };
    const position = `00000001-${at.toString(16).toUpperCase().padStart(16, '0')}-00000001`;
    const record = {
      ...{ topic: 't', partition, offset: BigInt(i), position, value: Buffer.from(JSON.stringify(value)) },
      key: key === null ? null : Buffer.from(key),
    } as unknown as RawRecord;
    sums.add(record, parsePosition(position));
  }
  return sums;
}

const at = (...offsets: number[]) => new Map(offsets.map((offset, i) => [`t/${i}`, BigInt(offset)]));

test('every change counts once: not when repeated, not after a newer one, and not after the row is deleted', () => {
  const sums = follow([
    { key: 'a', at: 1, op: 'c', after: image(5) },
    { key: 'b', at: 2, op: 'c', after: image(7, MINUS_1_50) },
    { key: 'a', at: 3, after: image(6) },
    { key: 'a', at: 1, op: 'c', after: image(5) },
    { key: 'a', at: 3, after: image(6) },
    { key: 'c', at: 4, op: 'r', after: image(null, null) },
    { key: 'b', at: 5, op: 'd' },
    { key: 'b', at: 2, op: 'c', after: image(7) },
    { key: 'd', at: 6, op: 'c', after: image(-8, MINUS_1_50) },
  ]);
  expect(sums.at(at(2))).toEqual([12n, 50n]);
  expect(sums.at(at(3))).toEqual([13n, 50n]);
  expect(sums.at(at(7))).toEqual([6n, 200n]);
  expect(sums.at(at(9))).toEqual([-2n, 50n]);
  // An offset before an earlier call's is no longer known.
  expect(sums.at(at(8))).toBeNull();
});

test('each partition is summed up to its own offset', () => {
  const sums = follow([
    { key: 'a', at: 1, op: 'c', after: image(1) },
    { key: 'b', at: 2, op: 'c', after: image(10), partition: 1 },
    { key: 'b', at: 3, after: image(30), partition: 1 },
  ]);
  expect(sums.at(at(0, 2))).toEqual([10n, 200n]);
  expect(sums.at(at(1, 3))).toEqual([31n, 400n]);
});

test('large numbers of either sign are exact to the last digit', () => {
  const values = [2 ** 52, -(2 ** 52), 2 ** 33 + 1, -(2 ** 32), -1, 0];
  const sums = follow(
    values.flatMap((value, i) => [
      { key: `${i}`, at: 2 * i + 1, op: 'c', after: image(value) },
      { key: `${i}`, at: 2 * i + 2, after: image(1) },
    ]),
  );
  for (const [i, value] of values.entries()) {
    expect(sums.at(at(2 * i + 1))?.[0]).toBe(BigInt(value) + BigInt(i));
  }
});

test.each([
  ['no value of it, as before the column was added', { amount: TWO }],
  ['a fraction', image(1.5)],
  ['an integer that a JSON number does not give exactly', image(2 ** 53)],
])('nothing is claimed about a column if an event has %s', (_, after) => {
  const sums = follow([
    { key: 'a', at: 1, op: 'c', after: image(5) },
    { key: 'b', at: 2, op: 'c', after },
  ]);
  expect(sums.columns.map(({ problem }) => problem === null)).toEqual([false, true]);
  expect(sums.at(at(2))?.[1]).toBe(400n);
});

test('nothing is claimed about a decimal with another scale, or about a column whose type has changed', () => {
  const change = { key: 'a', at: 1, op: 'c', after: image(5) };
  expect(follow([{ ...change, scale: '3' }]).columns[1]?.problem).toContain('exactly');
  const sums = follow([change]);
  sums.expect([{ name: 'quantity', scale: 0 }]);
  expect(sums.columns.map(({ problem }) => problem)).toEqual([null, 'its type has changed']);
});

test('nothing is claimed about a table that was truncated or has no keys', () => {
  expect(follow([{ key: null, at: 1, op: 't' }]).problem).toBe('the table was truncated');
  expect(follow([{ key: null, at: 1, op: 'c', after: image(1) }]).problem).toContain('no key');
});
