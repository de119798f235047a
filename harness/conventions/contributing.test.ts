import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import type { loadChecks as LoadChecks } from '../../verifier/load-checks.ts';
import type { loadFault as LoadFault, loadScenario as LoadScenario } from '../plugins/catalogue.ts';
import { PROJECT_DIR } from '../project.ts';
import { type CodeBlock, codeBlocks } from './code-blocks.ts';
import { type Tree, treeWith, tutorialBlocks } from './testing/tutorial.ts';

interface Catalogue {
  readonly loadFault: typeof LoadFault;
  readonly loadScenario: typeof LoadScenario;
}
interface Checks {
  readonly loadChecks: typeof LoadChecks;
}

const block = (file: string, text: string): CodeBlock & { file: string } => {
  return { language: 'ts', file, step: null, text, line: 1 };
};
const textOf = (file: string, step: number | null): string =>
  tutorialBlocks().find((own) => own.file === file && own.step === step)?.text ?? '';

/** The tutorial's files, and one with an error of each kind, so that a tool that finds nothing is noticed. */
const PLANTED = 'harness/faults/planted-error.ts';
let tree: Tree;
beforeAll(() => {
  const wrong = `import { z } from 'zod';\nexport const wrong: number = 'text';\nexport var old = 1\n`;
  tree = treeWith([...tutorialBlocks(), block(PLANTED, wrong)]);
}, 60_000);

test('a block is its language, its file, its step and its text; a fence that is never closed is an error', () => {
  const page = ['a', '```ts x/y.ts step=1', 'one', '', 'two', '```', '```', 'plain', '```'].join('\n');
  expect(codeBlocks(page)).toEqual([
    { language: 'ts', file: 'x/y.ts', step: 1, text: 'one\n\ntwo\n', line: 3 },
    { language: '', file: null, step: null, text: 'plain\n', line: 8 },
  ]);
  expect(() => codeBlocks('```ts\nx')).toThrow('line 1 is never closed');
});

test('the page goes from a file that does nothing to one that works, for a fault, a check and a scenario', () => {
  expect(tutorialBlocks().map(({ file, step }) => [file, step])).toEqual([
    ['harness/faults/slow-sink.ts', 1],
    ['harness/faults/slow-sink.ts', null],
    ['harness/faults/slow-sink.pg.test.ts', null],
    ['verifier/checks/clock-skew.ts', 1],
    ['verifier/checks/clock-skew.pg.test.ts', null],
    ['verifier/checks/clock-skew.ts', null],
    ['scenarios/lessons/slow-sink.ts', 1],
    ['scenarios/lessons/slow-sink.ts', null],
  ]);
});

test('every block passes the type checker, which finds the planted error', { timeout: 120_000 }, async () => {
  const compilerOptions = { tsBuildInfoFile: 'blocks.tsbuildinfo' };
  const config = { extends: './tsconfig.json', compilerOptions, include: [], files: tree.files };
  writeFileSync(join(tree.dir, 'tsconfig.blocks.json'), JSON.stringify(config));
  const tsc = join(PROJECT_DIR, 'node_modules/.bin/tsc');
  const { stdout } = await execa(tsc, ['--pretty', 'false', '-p', 'tsconfig.blocks.json'], {
    cwd: tree.dir,
    reject: false,
  });
  const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
  expect(errors.filter((line) => !line.startsWith(PLANTED))).toEqual([]);
  expect(errors.join('\n')).toContain("Type 'string' is not assignable to type 'number'");
});

test('every block is formatted and passes the linter, which finds the planted error', {
  timeout: 120_000,
}, async () => {
  const biome = join(PROJECT_DIR, 'node_modules/.bin/biome');
  const check = (files: readonly string[]) =>
    execa(biome, ['check', '--vcs-enabled=false', '--colors=off', ...files], {
      cwd: tree.dir,
      reject: false,
      all: true,
    });
  const own = await check(tree.files.filter((file) => file !== PLANTED));
  expect(own.exitCode, own.all).toBe(0);
  const planted = await check([PLANTED]);
  expect(planted.exitCode).toBe(1);
  expect(planted.all).toContain('noUnusedImports');
});

describe('the loaders', { timeout: 60_000 }, () => {
  test('accept the fault, the check and the scenario', async () => {
    const { loadFault, loadScenario } = await tree.load<Catalogue>('harness/plugins/catalogue.ts');
    const fault = await loadFault('slow-sink');
    expect(fault.params.safeParse(fault.example).success).toBe(true);
    expect(await loadScenario('slow-sink')).toMatchObject({ id: 'slow-sink' });
    const { loadChecks } = await tree.load<Checks>('verifier/load-checks.ts');
    expect((await loadChecks()).map(({ name }) => name)).toContain('clock-skew');
  });

  test('accept the first step of each', async () => {
    const first = tutorialBlocks().filter(({ step }) => step === 1);
    const early = treeWith(
      // The scenario's first step uses the finished fault.
      [
        ...first.filter(({ file }) => !file.startsWith('harness/')),
        block('harness/faults/slow-sink.ts', textOf('harness/faults/slow-sink.ts', null)),
      ].map((own) => ({ ...own, step: null })),
    );
    const { loadScenario } = await early.load<Catalogue>('harness/plugins/catalogue.ts');
    expect(await loadScenario('slow-sink')).toMatchObject({ title: 'A slow sink' });
    const { loadChecks } = await early.load<Checks>('verifier/load-checks.ts');
    expect((await loadChecks()).map(({ name }) => name)).toContain('clock-skew');
  });

  test('refuse a fault without a heal, a parameter that it does not take, and a check by another name', async () => {
    const fault = textOf('harness/faults/slow-sink.ts', null);
    const scenario = textOf('scenarios/lessons/slow-sink.ts', null);
    const check = textOf('verifier/checks/clock-skew.ts', null);
    const broken = treeWith([
      block('harness/faults/no-heal.ts', fault.replace('async heal(', 'async mend(')),
      block('harness/faults/slow-sink.ts', fault),
      block('scenarios/lessons/slow-sink.ts', scenario.replace('delayMs: 20', 'delaySeconds: 20')),
      block('verifier/checks/clock-skew.ts', check.replace("'clock-skew'", "'clock-scew'")),
    ]);
    const { loadFault, loadScenario } = await broken.load<Catalogue>('harness/plugins/catalogue.ts');
    await expect(loadFault('no-heal')).rejects.toThrow('lacks heal');
    await expect(loadScenario('slow-sink')).rejects.toThrow('delaySeconds');
    const { loadChecks } = await broken.load<Checks>('verifier/load-checks.ts');
    await expect(loadChecks()).rejects.toThrow('clock-skew.ts is not a check');
  });
});
