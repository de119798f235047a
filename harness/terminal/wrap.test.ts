import { expect, it } from 'vitest';
import { wrap } from './wrap.ts';

it('breaks at spaces, and indents all lines but the first', () => {
  expect(wrap('  the sink is paused while writes go on', 18, '    ')).toEqual([
    '  the sink is',
    '    paused while',
    '    writes go on',
  ]);
});

it('keeps a number and its unit together', () => {
  expect(wrap('p99 4.4 s, of 4 GiB', 6)).toEqual(['p99', '4.4 s,', 'of', '4 GiB']);
});

it('leaves a word alone that is longer than a line', () => {
  expect(wrap('see docs/a-long-name.md there', 10)).toEqual(['see', 'docs/a-long-name.md', 'there']);
});
