import { expect, test } from 'vitest';
import type { Lsn } from '../../contract/lsn.ts';
import { formatLsn, formatPosition, parseLsn, positionWriter } from './lsn-text.ts';

test.each(['0/0', '16/B374D848', 'FFFFFFFF/FFFFFFFF', '1/0'])(
  '%s is parsed and printed unchanged',
  (text) => {
    expect(formatLsn(parseLsn(text))).toBe(text);
  },
);

test.each(['', '16', '16/', '/1', '123456789/0', 'G/0', '1/0/0'])('"%s" is refused', (text) => {
  expect(() => parseLsn(text)).toThrow(expect.objectContaining({ code: 'CDC-1001' }));
});

test('the texts of positions sort in the order of the positions', () => {
  const parts = [
    { timeline: 1, commitLsn: 1n as Lsn, ordinal: 0 },
    { timeline: 1, commitLsn: 1n as Lsn, ordinal: 9 },
    { timeline: 1, commitLsn: 1n as Lsn, ordinal: 10 },
    { timeline: 1, commitLsn: 1n as Lsn, ordinal: 70_000 },
    { timeline: 1, commitLsn: 0xff_ffff_ffffn as Lsn, ordinal: 1 },
    { timeline: 2, commitLsn: 0n as Lsn, ordinal: 1 },
    { timeline: 10, commitLsn: 0n as Lsn, ordinal: 1 },
  ];
  const texts = parts.map(formatPosition);
  expect([...texts].sort()).toEqual(texts);
  expect(formatPosition({ timeline: 1, commitLsn: 0x16b3748n as Lsn, ordinal: 12 })).toBe(
    '00000001-00000000016B3748-0000000C',
  );
});

test('an ordinal has the same text in whatever order ordinals are written', () => {
  const positionOf = positionWriter(1)(1n as Lsn);
  expect([300, 2, 0, 1, 300, 2].map((n) => positionOf(n).slice(-8))).toEqual([
    '0000012C',
    '00000002',
    '00000000',
    '00000001',
    '0000012C',
    '00000002',
  ]);
});
