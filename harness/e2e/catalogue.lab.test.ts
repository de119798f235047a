import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import type { Lab } from '../lab/lab.ts';
import { labControl } from '../lab/process/process-control.ts';
import { LESSONS, loadScenarios } from '../plugins/catalogue.ts';
import { type Scenario, variantsOf } from '../plugins/scenario.ts';
import { runBothVariants, verdictsOf } from '../runner/testing/both-variants.ts';
import { UndoLog } from '../undo/undo-log.ts';
import { KeptRuns } from './testing/kept-runs.ts';

/**
 * Which naive pipelines run beside every sound one: `third:N` (every third one, from N) or `all`. The five lessons are
 * left out: `make demo` runs them.
 */
const choice = process.env.CDC_LAB_NAIVE ?? 'third:0';
const third = choice === 'all' ? null : Number(/^third:(\d+)$/.exec(choice)?.[1]);

/** On a machine that is busy with other tests. */
const ONE_MS = 180_000;

/**
 * A bound on memory is judged where a scenario has the machine for itself: a worker that waits for a processor collects
 * its garbage late. `npm run nightly` runs those, one after another.
 */
const runsAlone = ({ contract }: Scenario): boolean =>
  contract.clauses.some(({ kind }) => kind === 'rss-growth');

const scenarios = (await loadScenarios()).filter(
  (scenario) => scenario.kind !== LESSONS && (choice === 'all' || !runsAlone(scenario)),
);
const naive = scenarios.filter((scenario) => variantsOf(scenario).includes('naive'));
const plan = [
  ...scenarios.map((scenario) => ({ scenario, variant: 'sound' as const })),
  ...naive
    .filter((_, i) => third === null || i % 3 === third % 3)
    .map((scenario) => ({ scenario, variant: 'naive' as const })),
];

/** `npm run nightly` goes on where it stopped. */
const kept = new KeptRuns('catalogue');

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

test('the choice of naive pipelines is one that exists', () => {
  expect(third === null || Number.isInteger(third), `CDC_LAB_NAIVE=${choice}`).toBe(true);
  expect(scenarios.length).toBeGreaterThan(0);
});

describe.each(plan)('$scenario.id', ({ scenario, variant }) => {
  test(`gets its verdict on the ${variant} pipeline, and leaves nothing to heal`, {
    timeout: ONE_MS,
  }, async () => {
    const name = `${scenario.id}-${variant}`;
    if (kept.get(name) !== undefined) return;
    const run = await runBothVariants(lab, [], { plan: [{ scenario, variant }] });
    expect(run.ok, verdictsOf(run)).toBe(true);
    // One that needs what this machine lacks says so, and is no success.
    expect([run.results.length, run.notRun ?? []], verdictsOf(run)).toEqual([1, []]);
    expect(new UndoLog(dir).outstanding()).toEqual([]);
    kept.keep(name, run);
  });
});
