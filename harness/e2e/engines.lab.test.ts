import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAccess } from '../access/live-access.ts';
import { type EnginePair, pairName, SINK_ENGINES, SOURCE_ENGINES } from '../lab/engines.ts';
import { enginesReady } from '../lab/process/connect-service.ts';
import { loadFault, loadScenario, loadScenarios } from '../plugins/catalogue.ts';
import { notRun } from '../plugins/for-engines.ts';
import { VARIANTS, type VariantName } from '../plugins/scenario.ts';
import { PROJECT_DIR } from '../project.ts';
import type { RunOptions } from '../runner/plan.ts';
import { type RunResult, runResultSchema } from '../runner/result.ts';
import { runAll } from '../runner/run-all.ts';
import { verdictsOf } from '../runner/testing/both-variants.ts';
import { type DrillLab, startDrillLab } from './testing/drill.ts';
import { catalogueOf, DEBEZIUM } from './testing/engines-catalogue.ts';
import { enginesPage, LESSONS } from './testing/engines-page.ts';
import { readRows, withRuns, writeRows } from './testing/engines-rows.ts';

/**
 * `CDC_LAB_ENGINES=sample` runs two pairs; `all` runs every lesson on every pair of engines, and the other scenarios on
 * Debezium and its JDBC sink, as a user runs them, and writes the page. Without it, only the scenarios' declarations are tested.
 */
const wanted = process.env.CDC_LAB_ENGINES;
const isAll = wanted === 'all';
const ONE_MS = 600_000;
/** Results of `npm run engines`, one file per pair and lesson. What has a result is not run again. */
const KEPT = join(PROJECT_DIR, 'reports/engines');
const PAIRS: readonly EnginePair[] = SOURCE_ENGINES.flatMap((source) =>
  SINK_ENGINES.map((sink) => ({ source, sink })),
);

let lab: DrillLab;

const catalogue = await catalogueOf();

async function runOn(
  engines: EnginePair,
  id: string,
  variants: readonly VariantName[],
  options: Partial<RunOptions> = {},
): Promise<RunResult> {
  const scenario = catalogue.find((one) => one.id === id) ?? (await loadScenario(id));
  return runAll(
    {
      plan: variants.map((variant) => ({ scenario, variant })),
      engines,
      tunables: {},
      seed: 42,
      keep: false,
      noOp: false,
      swap: false,
      reproduce: `cdc-lab run ${id} --source ${engines.source} --sink ${engines.sink} --seed 42`,
      ...options,
    },
    { lab: lab.lab, openAccess, loadFault, listen: () => undefined, signal: new AbortController().signal },
  );
}

test('every lesson declares what to expect of every pair of engines, or why it is not run', async () => {
  const scenarios = await loadScenarios('lessons');
  for (const scenario of scenarios.filter(({ id }) => LESSONS.includes(id))) {
    for (const engines of PAIRS) {
      for (const variant of VARIANTS) {
        const why = notRun(scenario, variant, engines) ?? '';
        expect(why, `${scenario.id} ${variant} on ${pairName(engines)}`).not.toContain('does not say');
      }
    }
  }
});

// Without the jars there is nothing to run; `make setup ENGINES=all` fetches them.
describe.runIf(enginesReady() && wanted === 'sample')('real engines', { timeout: ONE_MS }, () => {
  /** As a user runs them, except for the timer for which everything would wait. */
  const connect = { offsetFlushMs: 3_000 };

  beforeAll(async () => {
    lab = await startDrillLab();
  }, ONE_MS);
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  }, ONE_MS);

  test('Debezium, killed past its stored offset, and the JDBC sink behind it lose nothing', async () => {
    const run = await runOn({ source: 'debezium', sink: 'jdbc' }, 'restart', ['sound'], { connect });
    expect(run.ok, verdictsOf(run)).toBe(true);
    expect(run.results[0]).toMatchObject({ source: 'debezium', sink: 'jdbc', verdict: 'PASS' });
    expect(run.results[0]?.duplicates.delivered).toBeGreaterThan(0);
  });

  test('the JDBC sink behind our capture lets a late snapshot row overwrite a newer one', async () => {
    const tunables = { rows: 500 };
    const run = await runOn({ source: 'ts', sink: 'jdbc' }, 'backfill', ['sound'], { connect, tunables });
    expect(run.ok, verdictsOf(run)).toBe(true);
    expect(run.results[0]).toMatchObject({ sink: 'jdbc', verdict: 'FAIL', expectedFinding: 'stale @sink' });
  });
});

describe.runIf(isAll)('every lesson on every pair, and the catalogue on one', () => {
  beforeAll(async () => {
    mkdirSync(KEPT, { recursive: true });
    lab = await startDrillLab();
  }, ONE_MS);

  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    const lessons = PAIRS.flatMap((engines) => LESSONS.map((id) => keptFile(engines, id)));
    const files = [...lessons, ...catalogue.map(({ id }) => keptFile(DEBEZIUM, id))];
    const there = files.filter((file) => existsSync(file));
    const runs = there.map((file) => runResultSchema.parse(JSON.parse(readFileSync(file, 'utf8'))));
    const rows = withRuns(readRows(), runs);
    writeRows(rows);
    writeFileSync(join(PROJECT_DIR, 'docs/engines.md'), await enginesPage(rows));
  }, ONE_MS);

  describe.each(PAIRS)('$source and $sink', (engines) => {
    test.each(LESSONS)('%s', { timeout: 3 * ONE_MS }, (id) => mustBeAsExpected(engines, id, VARIANTS));
  });

  // A scenario that does not declare what to expect, or why it is not run, is listed on the page as such.
  const declared = catalogue.filter((one) => notRun(one, 'sound', DEBEZIUM) === null);
  test.each(declared)('$id on Debezium and its JDBC sink', { timeout: 2 * ONE_MS }, ({ id }) =>
    mustBeAsExpected(DEBEZIUM, id, ['sound']),
  );
});

async function mustBeAsExpected(
  engines: EnginePair,
  id: string,
  variants: readonly VariantName[],
): Promise<void> {
  const file = keptFile(engines, id);
  if (existsSync(file)) return;
  const run = await runOn(engines, id, variants);
  if (run.ok) writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`);
  else rmSync(file, { force: true });
  expect(run.ok, verdictsOf(run)).toBe(true);
}

function keptFile(engines: EnginePair, id: string): string {
  return join(KEPT, `${engines.source}-${engines.sink}-${id.replaceAll('/', '-')}.json`);
}
