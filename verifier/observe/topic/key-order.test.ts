import { expect, test } from 'vitest';
import { KeyOrder } from './key-order.ts';
import { comparePositions, parsePosition, wordsOf } from './parsed-position.ts';
import type { RawRecord } from './topic-reader.ts';

const position = (commit: number, ordinal: number, timeline = 1): string =>
  [
    timeline.toString(16).padStart(8, '0'),
    commit.toString(16).padStart(16, '0'),
    ordinal.toString(16).padStart(8, '0'),
  ]
    .join('-')
    .toUpperCase();

/** Follows changes in the given order. `again`: the change repeats an earlier one. */
function follow(
  changes: readonly { key: string; at: string; again?: boolean; partition?: number }[],
): KeyOrder {
  const order = new KeyOrder();
  for (const [i, { key, at, again = false, partition = 0 }] of changes.entries()) {
    const record = {
      ...{ topic: 't', partition, offset: BigInt(i), position: at },
      ...{ key: Buffer.from(JSON.stringify({ id: key })), value: Buffer.from('{}') },
    } as unknown as RawRecord;
    const parsed = parsePosition(at);
    if (parsed !== undefined) order.add(record, parsed, !again);
  }
  return order;
}

test('changes in the order of timeline, commit and number in the transaction are not an inversion', () => {
  const order = follow([
    { key: 'a', at: position(10, 1) },
    { key: 'b', at: position(9, 1) },
    { key: 'a', at: position(10, 2) },
    { key: 'a', at: position(2 ** 33, 1) },
    { key: 'a', at: position(5, 1, 2) },
  ]);
  expect([...order.topics]).toEqual([]);
  expect(order.judged).toBe(5);
});

test('an older change that arrives for the first time is an inversion; a repeated one is not', () => {
  const order = follow([
    { key: 'a', at: position(10, 2) },
    { key: 'a', at: position(10, 1) },
    { key: 'a', at: position(10, 2), again: true },
    { key: 'a', at: position(9, 7), again: true },
  ]);
  expect(order.topics.get('t')).toMatchObject({
    inverted: 1,
    moved: 0,
    invertedExamples: [{ key: { id: 'a' } }],
  });
});

test('a snapshot before or after the stream is not an inversion', () => {
  const order = follow([
    { key: 'a', at: position(100, 0) },
    { key: 'a', at: position(50, 1) },
    { key: 'a', at: position(40, 0) },
    { key: 'a', at: position(60, 1) },
  ]);
  expect([...order.topics]).toEqual([]);
});

test('a key that changes its partition is reported as moved', () => {
  const order = follow([
    { key: 'a', at: position(1, 1), partition: 0 },
    { key: 'a', at: position(2, 1), partition: 2 },
    { key: 'b', at: position(3, 1), partition: 1 },
  ]);
  expect(order.topics.get('t')).toMatchObject({ inverted: 0, moved: 1 });
});

test('forty thousand keys are all distinct', () => {
  const order = new KeyOrder();
  const newer = parsePosition(position(10, 1));
  const older = parsePosition(position(9, 1));
  if (newer === undefined || older === undefined) throw new Error('no position');
  for (const own of [newer, older]) {
    for (let i = 0; i < 20_000; i++) {
      const key = Buffer.from(`${own === newer ? '' : 'other '}${i}`);
      const record = {
        topic: 't',
        partition: 0,
        offset: 0n,
        key,
        value: key,
        position: '',
      } as unknown as RawRecord;
      order.add(record, own, true);
    }
  }
  expect([...order.topics]).toEqual([]);
});

test('a parsed position keeps the order of its text, and its two words tell positions apart', () => {
  const texts = [position(0, 1), position(1, 0), position(1, 1), position(2 ** 40, 3), position(3, 1, 2)];
  const positions = texts.map((text) => parsePosition(text));
  for (const [i, parsed] of positions.entries()) {
    const next = positions[i + 1];
    if (parsed !== undefined && next !== undefined) expect(comparePositions(parsed, next)).toBeLessThan(0);
  }
  expect(parsePosition('16/B374D848')).toBeUndefined();
  const words = new Set<string>();
  for (let commit = 0; commit < 200; commit++) {
    for (let ordinal = 0; ordinal < 100; ordinal++) {
      const parsed = parsePosition(position(commit * 8 + 0x1_6b3748, ordinal));
      if (parsed !== undefined) words.add(wordsOf(parsed).join());
    }
  }
  expect(words.size).toBe(20_000);
});

test('the last violation of each partition is known by its offset', () => {
  const order = follow([
    { key: 'a', at: position(10, 1) },
    { key: 'a', at: position(9, 1) },
    { key: 'a', at: position(8, 1) },
    { key: 'a', at: position(11, 1), partition: 1 },
    { key: 'a', at: position(12, 1), partition: 1 },
  ]);
  expect([...(order.topics.get('t')?.last ?? [])]).toEqual([
    [0, 2n],
    [1, 3n],
  ]);
});
