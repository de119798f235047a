import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { definePipeline, type Health, type Lesson } from '../../fixtures/pipelines/lib/pipeline.ts';
import type { Lab } from '../lab/lab.ts';
import type { JournalEvent } from './journal.ts';
import type { RunResult } from './result.ts';
import { runAll } from './run-all.ts';
import { FakeWorld, finding, report } from './testing/fake-lab.ts';
import { fakeFault, scenario } from './testing/scenario.ts';

const UP: Health = { running: true, who: '7' };
const ENDED: Health = {
  ...{ running: false, who: null },
  ended: { how: 'ended with exit code 3', lastLines: 'no such topic\nbye' },
};
const PASSES: Lesson = { verdict: 'PASS', because: 'it is sound' };

let dir: string;
let world: FakeWorld;
let health: () => Health;
let phases: string[];
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-run-'));
  world = new FakeWorld();
  health = () => UP;
  phases = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function start(lesson: Lesson, tables?: readonly string[]): Promise<RunResult> {
  const nothing = async (): Promise<void> => undefined;
  const acts = { start: nothing, stop: nothing, kill: nothing, health: async () => health() };
  const pipeline = definePipeline({
    ...{ title: 'theirs', position: 'consumer-group', lessons: { [scenario.id]: lesson }, ...acts },
    ...(tables === undefined ? {} : { tables }),
  });
  const whole = world.lab(dir);
  const lab: Lab = {
    ...whole,
    createInstance: async ({ name }) => ({ ...world.instance(name, dir), pipeline: acts }),
  };
  const listen = (event: JournalEvent): void => {
    if (event.t === 'phase-started') phases.push(event.phase);
  };
  return runAll(
    {
      plan: [{ scenario, variant: 'sound' }],
      foreign: { name: 'theirs', file: '/theirs.ts', pipeline },
      ...{ tunables: {}, seed: 42, keep: false, noOp: false, swap: false, reproduce: '' },
    },
    {
      ...{ lab, listen, openAccess: world.access, loadFault: async () => fakeFault(world) },
      signal: new AbortController().signal,
    },
  );
}

/** The verifier waits for ever, as for a pipeline that it does not know to be down. */
function neverAnswers(): void {
  const access = world.access;
  Object.assign(world, {
    access: async () => ({ ...(await access()), verify: () => new Promise(() => undefined) }),
  });
}

describe("somebody else's pipeline that has ended by itself", () => {
  it('is a failed connector at once, with exit code and last lines, though the verifier still waits', async () => {
    neverAnswers();
    health = () => ENDED;
    const { results, ok } = await start(PASSES);
    expect(ok).toBe(false);
    expect(results[0]).toMatchObject({
      verdict: 'FAIL',
      findings: [{ class: 'connector-failed', hop: 'sink', verdict: 'FAIL' }],
      reason: 'the pipeline ended with exit code 3. Its last lines:\nno such topic\nbye',
    });
    expect(phases).toEqual(['steady', 'heal']);
    expect(results[0]?.durationMs).toBeLessThan(5_000);
  });

  it.each(['inject', 'settle', 'verify'])('is noticed in the phase %s', async (phase) => {
    health = () => (phases.includes(phase) ? ENDED : UP);
    // Long enough that the phase does not end before the next look.
    const access = world.access;
    Object.assign(world, {
      access: async () => {
        const own = await access();
        const slow = <T>(answer: () => Promise<T>) =>
          phases.includes(phase) ? new Promise<T>(() => undefined) : answer();
        return {
          ...own,
          verify: (options: Parameters<typeof own.verify>[0]) => slow(() => own.verify(options)),
          lagByPartition: () => slow(own.lagByPartition),
          committed: () => slow(own.committed),
        };
      },
    });
    const { results } = await start(PASSES);
    expect(results[0]).toMatchObject({ verdict: 'FAIL', findings: [{ class: 'connector-failed' }] });
    expect(phases).toContain('heal');
  });

  it('is as expected if the adapter says so', async () => {
    health = () => ENDED;
    const lesson: Lesson = {
      verdict: 'FAIL',
      finding: { class: 'connector-failed', hop: 'sink' },
      because: 'it gives up',
    };
    expect((await start(lesson)).ok).toBe(true);
  });
});

describe('a FAIL before anything is broken', () => {
  const trims: Lesson = {
    ...{ verdict: 'FAIL', finding: { class: 'corrupted', hop: 'sink' }, because: 'it trims' },
    shows: 'steady',
  };
  const corrupted = report({ verdict: 'FAIL', findings: [finding({ class: 'corrupted' })] });

  it('ends a lesson for which it is declared, as expected', async () => {
    world.reports = [corrupted];
    const { ok, results } = await start(trims);
    expect(results[0]).toMatchObject({ verdict: 'FAIL', ok: true, reason: null });
    expect(ok).toBe(true);
    expect(phases).not.toContain('inject');
    expect(world.workloads).toEqual(['+mixed', '-mixed']);
  });

  it('is not as expected if another class was declared, or if it does not show', async () => {
    world.reports = [report({ verdict: 'FAIL', findings: [finding()] })];
    expect((await start(trims)).results[0]?.reason).toContain('not for corrupted @sink');
    world.reports = [report()];
    phases = [];
    expect((await start(trims)).results[0]).toMatchObject({ verdict: 'PASS', ok: false });
    expect(phases).not.toContain('inject');
  });

  it('is the verdict of a pipeline that does not declare it, and says when it showed', async () => {
    world.reports = [corrupted];
    const { results } = await start(PASSES);
    expect(results[0]).toMatchObject({ verdict: 'FAIL', ok: false });
    expect(results[0]?.reason).toBe('before anything was broken: 3 corrupted @sink in public.orders');
  });
});

it('names the tables that a pipeline does not carry in its result', async () => {
  const { results } = await start(PASSES, ['public.customers', 'public.orders']);
  expect(results[0]).toMatchObject({
    verdict: 'PASS',
    outOfScope: ['public.order_items', 'public.documents'],
  });
  expect((await start(PASSES)).results[0]).not.toHaveProperty('outOfScope');
});
