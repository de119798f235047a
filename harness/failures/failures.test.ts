import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { commandsOf } from '../conventions/commands.ts';
import { wrongWith } from '../conventions/testing/check-command.ts';
import { loadScenarios } from '../plugins/catalogue.ts';
import { variantsOf } from '../plugins/scenario.ts';
import { runResultSchema, variantResultSchema } from '../runner/result.ts';
import { failuresPage, PAGE } from './page.ts';
import { readSeen, withRuns } from './seen.ts';

const scenarios = await loadScenarios();
const { text, unseen } = await failuresPage(scenarios, readSeen());

it('has every scenario with its sentences, and says of one without a run that its output is to come', () => {
  for (const scenario of scenarios) {
    expect(text).toContain(`### ${scenario.id.split('/')[0]}\n`);
    for (const variant of variantsOf(scenario))
      expect(text).toContain(`${scenario.variants[variant]?.because}.`);
  }
  if (unseen.length > 0) expect(text).toContain('Output: not generated yet.');
});

it('has only commands that exist, those of the recoveries among them', () => {
  const commands = commandsOf({ path: 'failures.md', text });
  expect(commands.filter(({ isNamed }) => !isNamed).length).toBeGreaterThan(5);
  const judged = commands.map((one) => [one.words.join(' '), wrongWith(one)]);
  expect(judged.filter(([, why]) => why !== undefined)).toEqual([]);
});

// A scenario may land before somebody has run `npm run failures`: until then the page lacks it. The nightly run is strict.
it.runIf(process.env.CDC_LAB_FRESH_PAGES === '1')('is the page that the scenarios make now', () => {
  expect(existsSync(PAGE) && readFileSync(PAGE, 'utf8') === text, 'run: npm run failures').toBe(true);
});

const [example] = scenarios;
const result = variantResultSchema.parse({
  ...{ scenario: example?.id, variant: 'sound', source: 'ts', sink: 'ts', runtime: 'process' },
  ...{ verdict: 'FAIL', expected: 'FAIL', ok: true, reason: null, expectedFinding: null, durationMs: 1 },
  ...{ recoveryMs: null, proof: { injected: null, healed: null, evidence: {} } },
  ...{ duplicates: { delivered: null, suppressed: null }, findings: [], dir: 'x' },
  ...{ recovered: 'PASS', recovery: [{ command: 'cdc-lab upgrade --instance a-b-1', said: 'done' }] },
});
const run = (over: object) =>
  JSON.stringify(
    runResultSchema.parse({
      ...{ schemaVersion: 1, runId: 'r', seed: 1, ok: true, startedAt: '2026-01-01T00:00:00.000Z' },
      ...{ durationMs: 1, reproduce: 'x', results: [{ ...result, ...over }] },
    }),
  );

it('takes what a run printed, without the name of its pipeline; not that of other engines, nor of a wrong run', () => {
  const name = `${example?.id} sound`;
  const seen = withRuns({}, [run({})], scenarios);
  const recovery = [{ command: 'cdc-lab upgrade', said: 'done' }];
  expect(seen[name]).toMatchObject({ recovered: 'PASS', recovery });
  expect(seen[name]?.text).toContain('FAIL → PASS');
  for (const over of [{ ok: false }, { source: 'debezium' }, { sink: 'jdbc' }, { runtime: 'docker' }])
    expect(withRuns({}, [run(over)], scenarios)).toEqual({});
  const gone = seen[name];
  if (gone === undefined) throw new Error('nothing was seen');
  expect(withRuns({ ...seen, 'gone sound': gone }, [], scenarios)).toEqual(seen);
});
