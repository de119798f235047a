import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { labControl } from '../lab/process/process-control.ts';
import { PROJECT_DIR } from '../project.ts';
import { poll } from '../wait.ts';
import { codeBlocks } from './code-blocks.ts';
import { missingLines } from './commands.ts';
import { type LessonStep, lessonsOf, withoutChance } from './lessons.ts';
import { argumentsOf } from './testing/check-command.ts';

const guide = readFileSync(path.join(PROJECT_DIR, 'GUIDE.md'), 'utf8');
const lessons = lessonsOf(guide);
/** One lab for all lessons, in the order of the page: each command sees what those before it have left. */
const dir = path.join(makeTestFolder(), 'lab');

beforeAll(async () => {
  const { output, exitCode } = await type('make up');
  expect(exitCode, output).toBe(0);
}, 180_000);

afterAll(async () => {
  await labControl.clean(dir);
  await rm(path.dirname(dir), { recursive: true, force: true });
}, 120_000);

/** A lesson on both pipelines takes a minute beside another test of a lab. */
const COMMAND_WITHIN_MS = 180_000;
const QUERY_WITHIN_MS = 20_000;

/** Runs a command of the page in a shell. A target of the Makefile becomes the command that it runs, without set-up. */
async function type(command: string): Promise<{ output: string; exitCode: number | undefined }> {
  const target = /^make (\S+)$/.exec(command)?.[1];
  const typed = target === undefined ? command : ['bin/cdc-lab', ...argumentsOf(target)].join(' ');
  // A verification may take longer than usual on a busy machine.
  const patient = typed.startsWith('bin/cdc-lab status') ? `${typed} --deadline 60` : typed;
  const env = { NO_COLOR: '1', CDC_LAB_DIR: dir };
  const { all, exitCode } = await execa({
    shell: true,
    cwd: PROJECT_DIR,
    env,
    reject: false,
    all: true,
    // What it printed until then shows where it waited.
    timeout: COMMAND_WITHIN_MS,
  })`${patient}`;
  return { output: all, exitCode };
}

/** What the page shows and the command did not print, with all that it printed. */
async function missingFrom({ command, shown }: LessonStep): Promise<{ missing: string[]; output: string }> {
  const { output, exitCode } = await type(command);
  const missing = missingLines(withoutChance(shown), withoutChance(output));
  return { missing: exitCode === 0 ? missing : [`exit code ${exitCode}`, ...missing], output };
}

/** Rows of the workload reach the sink a moment later; a query is repeated until then. */
async function walk(step: LessonStep): Promise<{ missing: string[]; output: string }> {
  const isQuery = step.command.startsWith('bin/cdc-lab sql ');
  let last = await missingFrom(step);
  if (!isQuery || last.missing.length === 0) return last;
  const untilShown = async (): Promise<boolean> => {
    last = await missingFrom(step);
    return last.missing.length === 0;
  };
  await poll(untilShown, { withinMs: QUERY_WITHIN_MS, everyMs: 500 });
  return last;
}

test('every command of the five lessons is walked, but those that need an offset or a kept pipeline of the reader', () => {
  expect(lessons.map(({ title }) => title)).toEqual([
    'The capture restarts',
    'The consumer falls behind',
    'The schema changes',
    'Everything is sent again',
    'A backfill',
  ]);
  const unprompted = lessons.flatMap((lesson) => lesson.unprompted);
  expect(unprompted.map((block) => block.split('\n', 1)[0])).toEqual([
    'bin/cdc-lab connectors stop sink --instance NAME',
    'bin/cdc-lab connectors stop sink',
    'bin/cdc-lab upgrade --instance NAME',
    'bin/cdc-lab connectors set sink --remove field.include.list --instance NAME',
    'bin/cdc-lab connectors set sink dedup.mode=lsn --instance NAME',
  ]);
  for (const { title, steps } of lessons) expect(steps.length, title).toBeGreaterThanOrEqual(3);
});

test('the report of a lab has the tables and checks that the page shows', {
  timeout: 2 * 60_000,
}, async () => {
  const block = codeBlocks(guide).find(({ text }) => text.startsWith('$ bin/cdc-lab status --verbose'));
  const [prompt = '', ...shown] = block?.text.split('\n') ?? [];
  expect(shown.join('\n')).toMatch(/^TABLE[\s\S]*^CHECK/m);
  const { missing, output } = await walk({ command: prompt.slice(2), shown: shown.join('\n') });
  expect(missing, output).toEqual([]);
});

test('`env` prints the addresses that the page shows, and the password only if it is asked for', async () => {
  const block = codeBlocks(guide).find(({ text }) => text.startsWith('$ bin/cdc-lab env'));
  const [prompt = '', ...shown] = block?.text.split('\n') ?? [];
  const { missing, output } = await walk({ command: prompt.slice(2), shown: shown.join('\n') });
  expect(missing, output).toEqual([]);
  const asked = await type('bin/cdc-lab env --json --show-password');
  const { password, source }: { password: string; source: string } = JSON.parse(asked.output);
  expect([password.length > 8, output.includes(password), output.includes(source)]).toEqual([
    true,
    false,
    true,
  ]);
}, 60_000);

describe.each(lessons)('the lesson “$title”', ({ steps }) => {
  test.each(steps)(
    'prints what the page shows: $command',
    async (step) => {
      const { missing, output } = await walk(step);
      expect(missing, output).toEqual([]);
    },
    COMMAND_WITHIN_MS + QUERY_WITHIN_MS,
  );
});
