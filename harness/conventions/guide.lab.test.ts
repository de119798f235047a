import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { labControl } from '../lab/process/process-control.ts';
import { PROJECT_DIR } from '../project.ts';
import { codeBlocks } from './code-blocks.ts';
import { missingLines } from './commands.ts';
import { argumentsOf } from './testing/check-command.ts';

const MAIN = path.join(PROJECT_DIR, 'harness/cli/main.ts');
const dir = path.join(makeTestFolder(), 'lab');

beforeAll(async () => {
  await labControl.up({ dir, rate: 20, seed: 42, withInstance: true, progress: () => undefined });
}, 180_000);

afterAll(async () => {
  await labControl.clean(dir);
  await rm(path.dirname(dir), { recursive: true, force: true });
}, 120_000);

/** The commands of a block with prompts, each with the output that the page shows. */
function walk(block: string): { target: string; shown: string }[] {
  return block
    .split(/^\$ make /m)
    .slice(1)
    .map((part) => {
      const [target = '', ...lines] = part.split('\n');
      return { target, shown: lines.join('\n') };
    });
}

/** Whether rows are written between the two looks of a verification differs from run to run. */
const settled = (text: string): string => text.replaceAll(/ · exact, with \d+ keys? written meanwhile/g, '');

test('lesson 1 of the guide prints what the guide shows', { timeout: 4 * 60_000 }, async () => {
  const blocks = codeBlocks(readFileSync(path.join(PROJECT_DIR, 'GUIDE.md'), 'utf8'));
  const lesson = blocks.find(({ text }) => text.startsWith('$ make trigger-restart'));
  const steps = walk(lesson?.text ?? '');
  expect(steps.map(({ target }) => target)).toEqual(['trigger-restart', 'status']);
  for (const { target, shown } of steps) {
    const { all, exitCode } = await execa(
      process.execPath,
      [MAIN, ...argumentsOf(target), '--dir', dir, ...(target === 'status' ? ['--deadline', '60'] : [])],
      { env: { NO_COLOR: '1' }, reject: false, all: true },
    );
    expect(exitCode, all).toBe(0);
    expect(missingLines(settled(shown), settled(all)), all).toEqual([]);
  }
});
