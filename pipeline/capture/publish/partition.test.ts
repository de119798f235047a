import { expect, test } from 'vitest';
import { choosePartition, murmur2 } from './partition.ts';

test('murmur2 returns the hashes of the Java client', () => {
  // org.apache.kafka.common.utils.UtilsTest#testMurmur2
  const known: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ];
  for (const [text, hash] of known) expect(murmur2(Buffer.from(text))).toBe(hash);
  expect(murmur2(Buffer.from('abc'))).toBe(479470107);
});

test('a key goes to the partition that the Java producer chooses', () => {
  expect(choosePartition('t', Buffer.from('21'), 3)).toBe((-973932308 & 0x7fffffff) % 3);
  expect(choosePartition('t', Buffer.from('foobar'), 7)).toBe((-790332482 & 0x7fffffff) % 7);
});

test('rows without a key share the partition that their topic hashes to', () => {
  const partitions = new Set(['a', 'b', 'c', 'd', 'e', 'f'].map((topic) => choosePartition(topic, null, 12)));
  expect(partitions.size).toBeGreaterThan(1);
  expect(choosePartition('a', null, 12)).toBe(choosePartition('a', null, 12));
});
