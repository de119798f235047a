import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadPipeline } from '../../fixtures/pipelines/load.ts';
import { openAccess } from '../access/live-access.ts';
import { loadFault, loadScenario } from '../plugins/catalogue.ts';
import type { JournalEvent } from '../runner/journal.ts';
import type { VariantResult } from '../runner/result.ts';
import { runAll } from '../runner/run-all.ts';
import { type DrillLab, startDrillLab } from './testing/drill.ts';

const ONE_MS = 300_000;

let lab: DrillLab;
beforeAll(async () => {
  lab = await startDrillLab();
}, ONE_MS);
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
}, ONE_MS);

/** The lesson `restart` on one of `testing/strangers/`. */
async function runOn(name: string): Promise<{ result: VariantResult; events: readonly JournalEvent[] }> {
  const file = fileURLToPath(new URL(`testing/strangers/${name}.ts`, import.meta.url));
  const events: JournalEvent[] = [];
  const { results } = await runAll(
    {
      plan: [{ scenario: await loadScenario('restart'), variant: 'sound' }],
      foreign: { name, file, pipeline: await loadPipeline(file) },
      ...{ tunables: {}, seed: 42, keep: false, noOp: false, swap: false, reproduce: '' },
    },
    {
      ...{ lab: lab.lab, openAccess, loadFault, signal: new AbortController().signal },
      listen: (event) => events.push(event),
    },
  );
  const [result] = results;
  if (result === undefined) throw new Error(`${name} has no result`);
  return { result, events };
}

const phasesOf = (events: readonly JournalEvent[]): string[] =>
  events.flatMap((event) => (event.t === 'phase-started' ? [event.phase] : []));
/** From the moment that the pipeline was ready. */
const msOf = (events: readonly JournalEvent[]): number =>
  Date.parse(events.find(({ t }) => t === 'variant-ended')?.at ?? '') -
  Date.parse(events.find(({ t }) => t === 'instance-ready')?.at ?? '');

test(
  'a consumer that waits for no topic, carries two tables and owns tables with the names of the lab’s passes',
  async () => {
    const { result, events } = await runOn('sound');
    expect(result, result.reason ?? '').toMatchObject({
      verdict: 'PASS',
      ok: true,
      outOfScope: ['public.order_items', 'public.documents'],
    });
    const last = events.filter((event) => event.t === 'verification').at(-1)?.report;
    expect(last?.coverage).toBe(1);
    expect(last?.tables.map(({ table }) => table)).toEqual(['public.customers', 'public.orders']);
    const counted = last?.checks.find(({ check }) => check === 'row-counts')?.detail;
    expect(counted).toBe('2 tables, all of them counted; out of scope: public.documents, public.order_items');
  },
  ONE_MS,
);

test(
  'a consumer that trims texts fails before anything is broken, as it declares',
  async () => {
    const { result, events } = await runOn('trims');
    expect(result, result.reason ?? '').toMatchObject({ verdict: 'FAIL', ok: true });
    const columns = result.findings.flatMap(({ examples }) => examples.flatMap((example) => example.columns));
    expect(new Set(columns)).toEqual(new Set(['name', 'note']));
    expect(result.findings.every((one) => one.check === 'corrupted-rows' && one.hop === 'sink')).toBe(true);
    expect(phasesOf(events)).not.toContain('inject');
  },
  ONE_MS,
);

test(
  'a consumer that dies at once is a failed connector at once, with its exit code and last words',
  async () => {
    const { result, events } = await runOn('dies-at-once');
    expect(result).toMatchObject({
      verdict: 'FAIL',
      ok: false,
      findings: [{ class: 'connector-failed', hop: 'sink' }],
    });
    expect(result.reason).toContain('ended with exit code 1');
    expect(result.reason).toContain('--no-such-option');
    expect(phasesOf(events)).toEqual(['steady', 'heal']);
    expect(msOf(events)).toBeLessThan(10_000);
  },
  ONE_MS,
);

test(
  'a consumer that dies in the middle of a lesson is a failed connector, as it declares',
  async () => {
    const { result } = await runOn('dies-mid-run');
    expect(result, result.reason ?? '').toMatchObject({
      ok: true,
      findings: [{ class: 'connector-failed', hop: 'sink' }],
    });
    expect(result.reason).toContain('ended with exit code 7. Its last lines:');
    expect(result.reason).toContain('our licence has expired');
  },
  ONE_MS,
);
