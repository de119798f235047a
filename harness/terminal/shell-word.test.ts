import { execa } from 'execa';
import { expect, test } from 'vitest';
import { shellLine, shellWord } from './shell-word.ts';

const WORDS = [
  ['plain', 'id=86ebd258-da0d-b1e9', 'public.orders'],
  ['', ' ', "it's", '"a.b".c', '$HOME `id` $(id) \\ \\\\ !x', '* ? [a] {a,b} ~ # ; & | < >'],
  ['two\nlines', 'a\ttab', "\u001b[31m'quoted'\\", '\u00011', 'ünï 表 👍', '\u0085'],
];

test.each(WORDS.map((words) => [words]))('a shell splits the line into just %j', async (words) => {
  const { stdout } = await execa('bash', ['-c', `printf '%s\\0' ${shellLine(words)}`]);
  expect(stdout.split('\0').slice(0, -1)).toEqual(words);
});

test('control characters are not sent to the terminal', () => {
  expect(shellWord('\u001b]0;x\u0007')).toBe("$'\\033]0;x\\007'");
});
