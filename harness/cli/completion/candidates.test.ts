import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { declareProgram } from '../program.ts';
import { candidatesFor } from './candidates.ts';
import { wholeWords } from './scripts.ts';

const streams = { stdout: new PassThrough().resume(), stderr: new PassThrough().resume() };
const io = { env: {}, stdoutIsTty: false, stderrIsTty: false, signal: new AbortController().signal };
const program = declareProgram({ ...io, ...streams }, () => undefined);
const NAMES: Readonly<Record<string, readonly string[]>> = {
  scenarios: ['lag', 'restart'],
  service: ['kafka'],
};

async function offered(line: string): Promise<readonly string[] | string> {
  const found = await candidatesFor(program, line.split(' '), async (name) => NAMES[name] ?? []);
  return typeof found === 'string' ? found : found.map(({ word }) => word);
}

test.each([
  ['sta', ['status']],
  ['--dir x sta', ['status']],
  ['--json sta', ['status']],
  ['run ', ['lag', 'restart']],
  ['run lag ', ['restart']],
  ['run --variant ', ['sound', 'naive']],
  ['run --variant=n', ['--variant=naive']],
  ['run --seed 7 re', ['restart']],
  ['sql ', ['source', 'sink']],
  ['sql sink ', []],
  ['logs ka', ['kafka']],
  ['completion f', ['fish']],
  ['verify --sn', ['--snapshot-bound']],
  ['verify --json --js', []],
  ['verify --config ', 'files'],
  ['verify --repair=', 'files'],
  ['--dir ', 'folders'],
  ['run -- --v', []],
  ['run --no-o', []],
])('“%s” offers %j', async (line, words) => {
  expect(await offered(line)).toEqual(words);
});

test('every command and every visible option of commander’s tree is offered', async () => {
  const commands = program.commands.filter((one) => !one.name().includes('complete-words'));
  expect(await offered('')).toEqual(expect.arrayContaining(commands.map((one) => one.name())));
  for (const command of commands) {
    const flags = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long);
    expect(await offered(`${command.name()} --`)).toEqual(expect.arrayContaining(flags));
  }
});

test('what is hidden is not offered', async () => {
  expect(await offered('')).not.toContain('complete-words');
  expect(await offered('run --')).not.toContain('--swap');
});

test('bash’s words are made whole again, and only the part behind the equals sign is replaced', () => {
  expect(wholeWords('bash', ['verify', '--fence', '=', 'sl'])).toEqual({
    words: ['verify', '--fence=sl'],
    dropped: '--fence=',
  });
  expect(wholeWords('bash', ['verify', '--fence', '='])).toEqual({
    words: ['verify', '--fence='],
    dropped: '--fence=',
  });
  expect(wholeWords('bash', ['verify', '--fence=x', 'y', 'z'])).toMatchObject({ dropped: '' });
  expect(wholeWords('zsh', ['verify', '--fence=sl'])).toEqual({
    words: ['verify', '--fence=sl'],
    dropped: '',
  });
});
