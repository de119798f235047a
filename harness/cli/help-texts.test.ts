import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { wrongWith } from '../conventions/testing/check-command.ts';
import { HELP_TEXTS, helpAfter } from './help-texts.ts';
import { declareProgram } from './program.ts';
import { versionText } from './version.ts';

const streams = { stdout: new PassThrough().resume(), stderr: new PassThrough().resume() };
const io = { env: {}, stdoutIsTty: false, stderrIsTty: false, signal: new AbortController().signal };
const program = declareProgram({ ...io, ...streams }, () => undefined);
const names = program.commands.map((command) => command.name()).filter((name) => name !== 'complete-words');

test('every command has examples and exit codes in its help, and no text is without a command', () => {
  expect(Object.keys(HELP_TEXTS).toSorted()).toEqual(names.toSorted());
});

test.each(names)('the help of %s fits into eighty columns', (name) => {
  const command = program.commands.find((one) => one.name() === name);
  const text = `${command?.helpInformation()}\n${helpAfter(name)}`;
  const long = text.split('\n').filter((line) => line.length > 80 && !line.startsWith('  cdc-lab'));
  expect(long).toEqual([]);
});

test.each(Object.entries(HELP_TEXTS))('the examples of %s are commands that exist', (name, { examples }) => {
  for (const [line] of examples) {
    const command = /\$\((.*)\)/.exec(line)?.[1] ?? line.split(/ [|>] /, 1)[0] ?? '';
    const words = [...command.matchAll(/"[^"]*"|\S+/g)].map(([word]) => word.replaceAll('"', ''));
    expect(words[1], line).toBe(name);
    const given = words.map((word) => (word === 'results.xml' || word === 'mend.sql' ? 'FILE' : word));
    expect(wrongWith({ words: given, isNamed: false }), line).toBeUndefined();
  }
});

test('the version names the commit and Node.js', () => {
  expect(versionText()).toMatch(
    /^cdc-lab \d+\.\d+\.\d+ \((?:commit [0-9a-f]{7,}(?:-dirty)?, )?Node\.js \d+\.\d+\.\d+\)$/,
  );
});
