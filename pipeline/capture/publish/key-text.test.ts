import { expect, it } from 'vitest';
import { keyText } from './key-text.ts';

it('shows the payload of a JSON key, with or without its schema', () => {
  const payload = { id: '7', name: 'ü' };
  expect(keyText(Buffer.from(JSON.stringify({ schema: { type: 'struct' }, payload })))).toBe(
    '{"id":"7","name":"ü"}',
  );
  expect(keyText(Buffer.from('{"id":7}'))).toBe('{"id":7}');
});

it('shows other bytes in hexadecimal, and no more than a line', () => {
  expect(keyText(Buffer.from([0, 255, 16]))).toBe('0x00ff10');
  expect(keyText(null)).toBe('(none)');
  expect(keyText(Buffer.from(JSON.stringify('x'.repeat(500))))).toHaveLength(201);
});
