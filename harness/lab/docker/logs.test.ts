import { expect, test } from 'vitest';
import { unframe } from './logs.ts';

/** A frame as the Engine API documents it for attach. */
function frame(stream: 1 | 2, text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

test('frames of both streams become one text, in their order', () => {
  const raw = Buffer.concat([frame(1, 'one\n'), frame(2, 'two: é\n'), frame(1, ''), frame(1, 'three\n')]);
  expect(unframe(raw)).toBe('one\ntwo: é\nthree\n');
});

test('an empty log is an empty text, and of a frame that is cut short the rest is read', () => {
  expect(unframe(Buffer.alloc(0))).toBe('');
  expect(unframe(frame(1, 'abcdef').subarray(0, 11))).toBe('abc');
});
