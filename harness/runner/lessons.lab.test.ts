import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import type { Lab } from '../lab/lab.ts';
import { labControl } from '../lab/process/process-control.ts';
import { loadScenarios } from '../plugins/catalogue.ts';
import { UndoLog } from '../undo/undo-log.ts';
import { judge } from './expectation.ts';
import { runBothVariants, verdictsOf } from './testing/both-variants.ts';

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
  // As they are they run in `make demo`. Swapped, each of the ten pipelines must still get what it deserves.
  it('get the verdicts of the pipelines that run, and go red where they are swapped', {
    timeout: WITHIN_MS,
  }, async () => {
    const scenarios = await loadScenarios('lessons');
    const run = await runBothVariants(lab, scenarios, { swap: true });
    const red = run.results.filter((one) => !one.ok);
    expect(red, verdictsOf(run)).toHaveLength(10);
    const verdicts = new Set(red.map((one) => `${one.variant} ${one.verdict}`));
    expect(verdicts, verdictsOf(run)).toEqual(new Set(['sound FAIL', 'naive PASS']));
    for (const { scenario: id, variant, verdict, findings, proof } of red) {
      const own = scenarios.find((one) => one.id === id)?.variants[variant === 'sound' ? 'naive' : 'sound'];
      if (own === undefined) throw new Error(`there is no scenario ${id}`);
      expect(judge(own.expect, verdict, findings), verdictsOf(run)).toEqual({ ok: true, reason: null });
      expect(proof.injected).not.toBeNull();
    }
    expect(new UndoLog(dir).outstanding()).toEqual([]);
  });

  it('are all INCONCLUSIVE when every injection is left out', { timeout: WITHIN_MS }, async () => {
    // The proof is the scenario's: no pipeline's variant changes it.
    const plan = (await loadScenarios('lessons')).map((scenario) => ({
      scenario,
      variant: 'sound' as const,
    }));
    const run = await runBothVariants(lab, [], { noOp: true, plan });
    expect(run.results).toHaveLength(5);
    const others = run.results.filter((one) => one.verdict !== 'INCONCLUSIVE');
    expect(others, verdictsOf(run)).toEqual([]);
    for (const { reason } of run.results) expect(reason).toContain('not shown to have taken effect');
  });
});
