import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { labControl } from '../lab/process/process-control.ts';
import type { ScenarioDefinition } from '../plugins/scenario.ts';
import { treeWith, tutorialBlocks } from './testing/tutorial.ts';

type BothVariants = typeof import('../runner/testing/both-variants.ts');
type Catalogue = typeof import('../plugins/catalogue.ts');

const dir = path.join(makeTestFolder(), 'lab');
const tree = treeWith(tutorialBlocks());
const up = { dir, rate: 0, seed: 42, withInstance: false, progress: () => undefined };

beforeAll(async () => {
  await labControl.up(up);
}, 120_000);

afterAll(async () => {
  await labControl.clean(dir);
  await rm(path.dirname(dir), { recursive: true, force: true });
}, 120_000);

test('the scenario of CONTRIBUTING.md gets its verdicts, and none of them if its faults are left out', {
  timeout: 5 * 60_000,
}, async () => {
  const lab = await labControl.open(dir);
  if (lab === undefined) throw new Error('the lab is gone');
  const { runBothVariants, verdictsOf } = await tree.load<BothVariants>(
    'harness/runner/testing/both-variants.ts',
  );
  const { loadScenario } = await tree.load<Catalogue>('harness/plugins/catalogue.ts');
  const scenario = await loadScenario('slow-sink');
  const run = await runBothVariants(lab, [scenario]);
  expect(
    run.results.map(({ variant, verdict, ok }) => [variant, verdict, ok]),
    verdictsOf(run),
  ).toEqual([
    ['sound', 'PASS', true],
    ['naive', 'FAIL', true],
  ]);
  for (const { proof } of run.results) expect(proof.injected).toBe('slow-sink, pause-connector');
  const swapped = await runBothVariants(lab, [scenario], { swap: true });
  expect(
    swapped.results.map(({ ok }) => ok),
    verdictsOf(swapped),
  ).toEqual([false, false]);
  const without = await runBothVariants(lab, [scenario], { noOp: true });
  expect(
    without.results.map(({ verdict }) => verdict),
    verdictsOf(without),
  ).toEqual(['INCONCLUSIVE', 'INCONCLUSIVE']);
});

test('its first step runs, and its naive pipeline passes, which is not as expected', {
  timeout: 2 * 60_000,
}, async () => {
  const lab = await labControl.open(dir);
  if (lab === undefined) throw new Error('the lab is gone');
  const { runBothVariants, verdictsOf } = await tree.load<BothVariants>(
    'harness/runner/testing/both-variants.ts',
  );
  const { default: first } = await tree.load<{ default: ScenarioDefinition }>('step-1/lessons/slow-sink.ts');
  const plan = [{ scenario: { ...first, id: 'slow-sink', kind: 'lessons' }, variant: 'naive' as const }];
  const run = await runBothVariants(lab, [], { plan });
  expect(run.results, verdictsOf(run)).toMatchObject([{ verdict: 'PASS', ok: false }]);
});
