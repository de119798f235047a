import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadPipeline, pipelineFile, pipelineNames } from '../../fixtures/pipelines/load.ts';
import { openAccess } from '../access/live-access.ts';
import { loadFault, loadScenario } from '../plugins/catalogue.ts';
import { PROJECT_DIR } from '../project.ts';
import { type RunResult, runResultSchema } from '../runner/result.ts';
import { runAll } from '../runner/run-all.ts';
import { verdictsOf } from '../runner/testing/both-variants.ts';
import { type DrillLab, startDrillLab } from './testing/drill.ts';
import { LESSONS } from './testing/engines-page.ts';
import { pipelinesPage } from './testing/pipelines-page.ts';

/** `CDC_LAB_PIPELINES=all` runs every lesson on every pipeline of `fixtures/pipelines/`, and writes the page. */
const isAll = process.env.CDC_LAB_PIPELINES === 'all';
const ONE_MS = 600_000;
const PAGE = join(PROJECT_DIR, 'docs/pipelines.md');
/** Results of `npm run pipelines`, one file per pipeline and lesson. What has a result is not run again. */
const KEPT = join(PROJECT_DIR, 'reports/pipelines');
const names = await pipelineNames();

let lab: DrillLab;
beforeAll(async () => {
  lab = await startDrillLab();
}, ONE_MS);
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
}, ONE_MS);

async function runOn(name: string, id: string): Promise<RunResult> {
  const file = await pipelineFile(name);
  return runAll(
    {
      plan: [{ scenario: await loadScenario(id), variant: 'sound' }],
      foreign: { name, file, pipeline: await loadPipeline(file) },
      ...{ tunables: {}, seed: 42, keep: false, noOp: false, swap: false },
      reproduce: `cdc-lab run ${id} --pipeline ${name} --seed 42`,
    },
    { lab: lab.lab, openAccess, loadFault, listen: () => undefined, signal: new AbortController().signal },
  );
}

describe.runIf(!isAll)('a foreign pipeline', { timeout: ONE_MS }, () => {
  test("PostgreSQL's own replication loses nothing when its worker is killed, and leaves nothing behind", async () => {
    const run = await runOn('native-replication', 'restart');
    expect(run.ok, verdictsOf(run)).toBe(true);
    expect(run.results[0]).toMatchObject({ sink: 'native-replication', verdict: 'PASS' });
    expect(await lab.runtime.services()).not.toContainEqual(expect.objectContaining({ kind: 'worker' }));
  });
});

describe.runIf(isAll)('every lesson on every pipeline', () => {
  beforeAll(() => {
    mkdirSync(KEPT, { recursive: true });
  });
  afterAll(async () => {
    const files = names
      .flatMap((name) => LESSONS.map((id) => keptFile(name, id)))
      .filter((file) => existsSync(file));
    const runs = files.map((file) => runResultSchema.parse(JSON.parse(readFileSync(file, 'utf8'))));
    writeFileSync(PAGE, await pipelinesPage(readFileSync(PAGE, 'utf8'), runs));
  });

  describe.each(names)('%s', (name) => {
    test.each(LESSONS)('%s', { timeout: ONE_MS }, async (id) => {
      const file = keptFile(name, id);
      if (existsSync(file)) return;
      const run = await runOn(name, id);
      if (run.ok) writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`);
      else rmSync(file, { force: true });
      expect(run.ok, verdictsOf(run)).toBe(true);
    });
  });
});

function keptFile(name: string, id: string): string {
  return join(KEPT, `${name}-${id}.json`);
}
