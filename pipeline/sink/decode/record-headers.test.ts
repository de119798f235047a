import { expect, test } from 'vitest';
import { RecordHeaders } from './record-headers.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

test('reads as a map does: the last of two counts, and what has no name or no value is not there', () => {
  const headers = new RecordHeaders([
    [bytes('a'), bytes('1')],
    [bytes('bé'), bytes('2')],
    [bytes('a'), bytes('3')],
    [bytes('bé'), null],
    [null, bytes('4')],
  ]);
  const map = new Map([
    ['a', bytes('3')],
    ['bé', bytes('2')],
  ]);
  for (const name of ['a', 'bé', 'b', '']) {
    expect([headers.get(name), headers.has(name)]).toEqual([map.get(name), map.has(name)]);
  }
  expect(headers.size).toBe(2);
  expect(new Map(headers)).toEqual(map);
  expect([...headers.entries()]).toEqual([...map.entries()]);
  expect([[...headers.keys()], [...headers.values()]]).toEqual([[...map.keys()], [...map.values()]]);
  const seen = new Map<string, Buffer>();
  headers.forEach((value, name) => void seen.set(name, value));
  expect(seen).toEqual(map);
});
