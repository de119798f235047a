import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { labControl } from '../lab/control.ts';
import type { Lab } from '../lab/instance.ts';
import { loadScenarios } from './catalogue.ts';
import { runBothVariants, told } from './testing/both-variants.ts';
import { UndoLog } from './undo.ts';

/** Ten runs on a machine that is busy with other tests. */
const WITHIN_MS = 15 * 60_000;

let dir: string;
let lab: Lab;

beforeAll(async () => {
  dir = path.join(makeTestFolder(), 'lab');
  lab = await labControl.up({ dir, rate: 0, seed: 42, withInstance: false, progress: () => undefined });
}, 120_000);

afterAll(async () => {
  await labControl.clean(dir);
  await rm(path.dirname(dir), { recursive: true, force: true });
}, 120_000);

describe('the five lessons, on a real lab', () => {
  it('get ten verdicts, each the expected one for the expected reason', { timeout: WITHIN_MS }, async () => {
    const run = await runBothVariants(lab, await loadScenarios());
    expect(run.results).toHaveLength(10);
    expect(run.ok, told(run)).toBe(true);
    for (const { proof } of run.results) expect(proof.injected).not.toBeNull();
    expect(new UndoLog(dir).outstanding()).toEqual([]);
  });

  it('are all INCONCLUSIVE when every injection is left out', { timeout: WITHIN_MS }, async () => {
    // The proof is the scenario's: no pipeline's variant changes it.
    const plan = (await loadScenarios()).map((scenario) => ({ scenario, variant: 'sound' as const }));
    const run = await runBothVariants(lab, [], { noOp: true, plan });
    expect(run.results).toHaveLength(5);
    const others = run.results.filter((one) => one.verdict !== 'INCONCLUSIVE');
    expect(others, told(run)).toEqual([]);
    for (const { reason } of run.results) expect(reason).toContain('not shown to have taken effect');
  });

  it('all go red when sound and naive pipelines are swapped', { timeout: WITHIN_MS }, async () => {
    const run = await runBothVariants(lab, await loadScenarios(), { swap: true });
    expect(
      run.results.filter((one) => one.ok),
      told(run),
    ).toEqual([]);
    const verdicts = new Set(run.results.map((one) => `${one.variant} ${one.verdict}`));
    expect(verdicts, told(run)).toEqual(new Set(['sound FAIL', 'naive PASS']));
  });
});
