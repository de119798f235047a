import { expect, it } from 'vitest';
import { wrap } from './wrap.ts';

it('breaks at spaces, and indents all lines but the first', () => {
  expect(wrap('  the sink is paused while writes go on', 18, '    ')).toEqual([
    '  the sink is',
    '    paused while',
    '    writes go on',
  ]);
});

it('leaves a word alone that is longer than a line', () => {
  expect(wrap('see docs/a-long-name.md there', 10)).toEqual(['see', 'docs/a-long-name.md', 'there']);
});
