import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { differingRows, wayFor } from './localise.ts';
import { cellCount, MOST_CELLS, Sketch } from './sketch.ts';

/** 64 bits that look random but are always the same. */
function bits(text: string): bigint {
  return createHash('sha256').update(text).digest().readBigUInt64BE();
}

function sketchOf(cells: number, ours: readonly string[], theirs: readonly string[]): Sketch {
  const sketch = new Sketch(cells);
  const key = (row: string): bigint => BigInt.asIntN(64, bits(`key of ${row.split('=')[0]}`));
  for (const row of ours) sketch.addRow(1, bits(row), key(row));
  for (const row of theirs) sketch.addRow(-1, bits(row), key(row));
  return sketch;
}

const keyHash = (key: string): bigint => BigInt.asIntN(64, bits(`key of ${key}`));

test('exactly the rows that differ are decoded, however many rows are equal', () => {
  const same = Array.from({ length: 2_000 }, (_, i) => `${i}=same`);
  const keys = sketchOf(64, [...same, 'a=1', 'b=1', 'c=1'], [...same, 'a=2', 'c=1', 'd=1']).decode();
  expect(keys).toEqual(new Set([keyHash('a'), keyHash('b'), keyHash('d')]));
});

test('as many rows as the table is sized for are decoded every time', () => {
  for (let round = 0; round < 8; round++) {
    const rows = Array.from({ length: 300 }, (_, i) => `${i}=${round}`);
    const cells = cellCount(rows.length) ?? 0;
    expect(sketchOf(cells, rows.slice(0, 150), rows.slice(150)).decode()?.size).toBe(300);
  }
});

test('too many differences decode to null, never to a part of them', () => {
  const rows = Array.from({ length: 400 }, (_, i) => `${i}=x`);
  expect(sketchOf(64, rows, []).decode()).toBeNull();
  expect(cellCount(1_000_000_000)).toBeNull();
  expect(cellCount(200_000)).toBeLessThanOrEqual(MOST_CELLS);
});

test('rows whose counts add up to one in a cell are not mistaken for one row, thanks to the check', () => {
  // Two rows of the source and one of the sink, in cells where their counts add up to one.
  const sketch = new Sketch(64);
  const [one, two, three] = [0x1000_0000_0000_1041n, 0x2000_0000_0000_2041n, 0x3000_0000_0000_0041n];
  sketch.addRow(1, one, 1n);
  sketch.addRow(1, two, 2n);
  sketch.addRow(-1, three, 3n);
  expect(sketch.decode()).toBeNull();
});

test('a row that a copy holds several times cannot be decoded, and the sketch says so', () => {
  expect(sketchOf(64, ['a=1'], ['a=1', 'a=1', 'a=1']).decode()).toBeNull();
});

test.each([
  [10, 4096, 1_000_000, 'buckets', 'buckets'],
  [1_000, 4096, 1_000_000, 'merge', 'merge'],
  [3_000, 4096, 1_000_000, 'sketch', 'merge'],
  [4_096, 4096, 1_000_000, 'merge', 'merge'],
  [60, 64, 10_000, 'buckets', 'buckets'],
])('%i bad buckets of %i, %i rows: %s, for blocks %s', (bad, buckets, rows, ofKeys, ofBlocks) => {
  const found = { bad: Array.from({ length: bad }, (_, i) => i), buckets, rows, knownRows: 0 };
  expect([wayFor(found, false), wayFor(found, true)]).toEqual([ofKeys, ofBlocks]);
});

test('the number of differences is estimated from the share of good buckets', () => {
  // 5,000 differences thrown into 4,096 buckets leave about 1,208 of them good.
  const found = {
    bad: Array.from({ length: 4096 - 1208 }, (_, i) => i),
    buckets: 4096,
    rows: 1e6,
    knownRows: 0,
  };
  expect(differingRows(found)).toBeGreaterThan(10_000);
  expect(differingRows(found)).toBeLessThan(12_000);
});
