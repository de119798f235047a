import { expect, test } from 'vitest';
import { Random } from '../../../fixtures/workloads/random.ts';
import type { ParsedPosition } from './parsed-position.ts';
import { PositionList } from './position-list.ts';

const position = (lsn: number, ordinal: number, timeline = 1): ParsedPosition => ({
  timeline,
  lsnHigh: Math.floor(lsn / 2 ** 32),
  lsnLow: lsn % 2 ** 32,
  ordinal,
});

test('a list finds every position that was added, with its tag, and no other', () => {
  const random = new Random('positions');
  const list = new PositionList();
  const added: { at: ParsedPosition; tag: number }[] = [];
  let [lsn, ordinal, timeline] = [2 ** 32 - 5_000, 1, 1];
  for (let n = 0; n < 5_000; n++) {
    if (random.chance(0.6)) {
      lsn += random.chance(0.01) ? 2 ** 40 : random.int(1, 300) * 8;
      ordinal = random.int(1, 3);
    } else if (random.chance(0.7)) ordinal += random.int(1, 200);
    if (random.chance(0.002)) timeline++;
    const [at, tag] = [position(lsn, ordinal, timeline), random.int(0, 65_535)];
    added.push({ at, tag });
    expect(list.add(at, tag)).toBe(true);
  }
  for (const { at, tag } of added) {
    expect([list.has(at), list.has(at, tag)]).toEqual([true, true]);
    expect(list.has({ ...at, timeline: at.timeline + 100 })).toBe(false);
    expect(list.has({ ...at, lsnLow: at.lsnLow + 1 })).toBe(false);
    expect(list.has({ ...at, ordinal: at.ordinal + 100_000 })).toBe(false);
  }
  expect(list.has(position(1, 1))).toBe(false);
  expect(list.size).toBe(added.length);
});

test('entries of one position are kept apart by their tags, however many there are', () => {
  const list = new PositionList();
  for (let tag = 0; tag < 1_000; tag++) list.add(position(800, 1), tag);
  for (let tag = 0; tag < 1_000; tag++) expect(list.has(position(800, 1), tag)).toBe(true);
  const other = new PositionList();
  other.add(position(800, 1), 7);
  expect([other.has(position(800, 1), 8), other.has(position(800, 1), 7)]).toEqual([false, true]);
});

test('a position that is older than the last one is not added', () => {
  const list = new PositionList();
  expect([list.add(position(800, 2), 0), list.add(position(800, 1), 0)]).toEqual([true, false]);
  expect([list.add(position(792, 9), 0), list.has(position(792, 9)), list.size]).toEqual([false, false, 1]);
});
