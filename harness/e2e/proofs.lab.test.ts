import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { OWN_ENGINES } from '../lab/engines.ts';
import type { Lab } from '../lab/lab.ts';
import { labControl } from '../lab/process/process-control.ts';
import { loadScenarios } from '../plugins/catalogue.ts';
import { forEngines } from '../plugins/for-engines.ts';
import { isFaultStep, type Scenario, type VariantName, variantOf, variantsOf } from '../plugins/scenario.ts';
import { judge } from '../runner/expectation.ts';
import { runBothVariants, verdictsOf } from '../runner/testing/both-variants.ts';
import { UndoLog } from '../undo/undo-log.ts';
import { KeptRuns } from './testing/kept-runs.ts';

/**
 * Whether each scenario of the catalogue proves something: `all`, or ids separated by commas. `npm run nightly` runs all of
 * them; without it, this file only checks what it would run. The lessons have their own test in `harness/runner/`, too.
 */
const wanted = process.env.CDC_LAB_PROOFS;
const scenarios = await loadScenarios();
const chosen = scenarios.filter(({ id }) => wanted === 'all' || (wanted ?? '').split(',').includes(id));

/** On a machine that is busy with other tests. */
const ONE_MS = 240_000;

/** The places of a scenario's faults: with each one left out in turn, the others being injected, no verdict may stand. */
function faultsOf(scenario: Scenario) {
  const { inject, hold, settle } = forEngines(scenario, OWN_ENGINES).steps;
  return [...inject, ...hold, ...settle].filter(isFaultStep).map(({ fault }, only) => ({ fault, only }));
}

const noOps = chosen.flatMap((scenario) => faultsOf(scenario).map((one) => ({ scenario, ...one })));
const swaps = chosen.flatMap((scenario) =>
  variantsOf(scenario).length < 2 ? [] : variantsOf(scenario).map((variant) => ({ scenario, variant })),
);

let dir: string;
let lab: Lab;
const kept = new KeptRuns('proofs');

test('a choice of scenarios names some that exist', () => {
  const named = (wanted ?? 'all').split(',').filter((id) => id !== 'all');
  expect(named.filter((id) => !scenarios.some((one) => one.id === id))).toEqual([]);
});

describe.runIf(chosen.length > 0)('on a lab', () => {
  beforeAll(async () => {
    dir = path.join(makeTestFolder(), 'lab');
    lab = await labControl.up({ dir, rate: 0, seed: 42, withInstance: false, progress: () => undefined });
  }, ONE_MS);

  afterAll(async () => {
    await labControl.clean(dir);
    await rm(path.dirname(dir), { recursive: true, force: true });
  }, ONE_MS);

  // What breaks nothing proves nothing, unless the first start is what breaks.
  test('every scenario has a fault, or begins again', () => {
    const begins = ({ steps }: Scenario) => steps.inject.some((step) => step.do === 'begin-again');
    const without = chosen.filter((one) => faultsOf(one).length === 0 && !begins(one));
    expect(without.map(({ id }) => id)).toEqual([]);
  });

  // The proof is the fault's: it looks at the source, the topics and the processes, whose variant does not matter.
  test.each(noOps)(
    '$scenario.id without its fault $only, $fault, is INCONCLUSIVE',
    {
      timeout: ONE_MS,
    },
    async ({ scenario, only }) => {
      const name = `${scenario.id}-no-op-${only}`;
      if (kept.get(name) !== undefined) return;
      const run = await runBothVariants(lab, [], { noOp: { only }, plan: [{ scenario, variant: 'sound' }] });
      expect(
        run.results.map(({ verdict }) => verdict),
        verdictsOf(run),
      ).toEqual(['INCONCLUSIVE']);
      expect(run.results[0]?.reason).toContain('not shown to have taken effect');
      expect(run.ok).toBe(false);
      expect(new UndoLog(dir).outstanding()).toEqual([]);
      kept.keep(name, run);
    },
  );

  test.each(swaps)(
    '$scenario.id is not as expected where $variant has the other pipeline',
    {
      timeout: ONE_MS,
    },
    async ({ scenario, variant }) => {
      const name = `${scenario.id}-swap-${variant}`;
      if (kept.get(name) !== undefined) return;
      const run = await runBothVariants(lab, [], { swap: true, plan: [{ scenario, variant }] });
      const [result] = run.results;
      expect(result?.ok, verdictsOf(run)).toBe(false);
      // It must get what its own file says: red for any other reason would prove nothing.
      const { verdict = 'INCONCLUSIVE', findings = [] } = result ?? {};
      const own = ownExpectation(scenario, variant === 'sound' ? 'naive' : 'sound');
      expect(judge(own, verdict, findings), verdictsOf(run)).toEqual({ ok: true, reason: null });
      expect(new UndoLog(dir).outstanding()).toEqual([]);
      kept.keep(name, run);
    },
  );
});

/** Without the error of a loud stop, which the result has in short. */
function ownExpectation(scenario: Scenario, variant: VariantName) {
  const { expect: own } = variantOf(scenario, variant);
  if (own.verdict !== 'FAIL') return own;
  const { stop: _, ...rest } = own;
  return rest;
}
