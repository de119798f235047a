import { expect, test } from 'vitest';
import { unreachable } from './unreachable.ts';

test.each([
  ['an object by its discriminant', { tag: 'update', after: ['secret'] }, 'unexpected message: update'],
  ['a literal by itself', 'paused', 'unexpected message: paused'],
  ['an object without a discriminant', { after: 'secret' }, 'unexpected message: unnamed'],
])('the error names %s and nothing else of the value', (_, value, message) => {
  expect(() => unreachable(value as never, 'message')).toThrow(new Error(message));
});
