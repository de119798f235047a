import { expect, test } from 'vitest';
import type { Lsn } from '../../contract/lsn.ts';
import { createPositionWriter, formatLsn, formatPosition, parseLsn } from './lsn-text.ts';

test.each(['0/0', '16/B374D848', 'FFFFFFFF/FFFFFFFF', '1/0'])('%s is read and printed as it was', (text) => {
  expect(formatLsn(parseLsn(text))).toBe(text);
});

test.each(['', '16', '16/', '/1', '123456789/0', 'G/0', '1/0/0'])('"%s" is refused', (text) => {
  expect(() => parseLsn(text)).toThrow(expect.objectContaining({ code: 'CDC-1001' }));
});

test('the text of positions sorts as the positions do', () => {
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

test('ordinals are written the same whatever the order they are asked in', () => {
  const positionOf = createPositionWriter(1, 1n as Lsn);
  expect([300, 2, 0, 1, 300, 2].map((n) => positionOf(n).slice(-8))).toEqual([
    '0000012C',
    '00000002',
    '00000000',
    '00000001',
    '0000012C',
    '00000002',
  ]);
});
