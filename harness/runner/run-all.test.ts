import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Lab } from '../lab/lab.ts';
import type { Scenario, Step } from '../plugins/scenario.ts';
import { UndoLog } from '../undo/undo-log.ts';
import type { JournalEvent } from './journal.ts';
import type { RunOptions } from './plan.ts';
import { ExampleRun } from './testing/example-run.ts';
import { type FakeWorld, finding, report } from './testing/fake-lab.ts';
import { fakeFault, scenario } from './testing/scenario.ts';

let dir: string;
let world: FakeWorld;
let events: JournalEvent[];
let start: ExampleRun['start'];

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-run-'));
  const run = new ExampleRun(dir);
  ({ world, events } = run);
  start = run.start.bind(run);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const phases = () => events.filter((event) => event.t === 'phase-started').map((event) => event.phase);

describe('a run', () => {
  it('goes through all phases in order and passes where the verdict is the expected one', async () => {
    const { ok, results } = await start();
    expect(ok).toBe(true);
    expect(phases()).toEqual(['steady', 'inject', 'hold', 'heal', 'settle', 'verify']);
    expect(results[0]).toMatchObject({ verdict: 'PASS', expected: 'PASS', ok: true, reason: null });
    expect(results[0]?.proof).toMatchObject({ injected: 'fake', healed: 'healed it' });
    expect(world.disposed).toEqual(world.created.map((spec) => spec.name));
    expect(world.workloads).toEqual(['+mixed', '-mixed']);
  });

  it('repeats the plan with the next seed each time, in folders of their own', async () => {
    const { results } = await start({ repeat: 3 });
    expect(results.map((result) => result.dir)).toEqual([
      'example-sound-1',
      'example-sound-2',
      'example-sound-3',
    ]);
    expect(world.created.map((spec) => spec.seed)).toEqual([42, 43, 44]);
  });

  describe('whose settle phase', () => {
    const settling = (step: Step): RunOptions['plan'] => {
      const steps = { ...scenario.steps, settle: [step] };
      return [
        {
          scenario: { ...scenario, steps, deadlinesMs: { ...scenario.deadlinesMs, settle: 1000 } },
          variant: 'sound',
        },
      ];
    };

    it('has a step that fails has no verdict, but the reason', async () => {
      const { results } = await start({ plan: settling({ do: 'until-behind', events: 1000 }) });
      const reason = expect.stringContaining('timed out after 900 ms waiting for');
      expect(results[0]).toMatchObject({ verdict: 'INCONCLUSIVE', reason, ok: false });
      expect(world.workloads, 'nobody writes on').toEqual(['+mixed', '-mixed']);
    });

    it('ends before the pipeline has caught up is judged all the same: the verifier knows more', async () => {
      const fault = fakeFault(world);
      const heal = async (...given: Parameters<typeof fault.heal>) => {
        world.isBehind = true;
        return await fault.heal(...given);
      };
      const plan = settling({ do: 'until-committed', transactions: 1 });
      const { results } = await start({ plan }, { ...fault, heal });
      expect(results[0]).toMatchObject({ verdict: 'WARN', recoveryMs: null });
    });
  });

  describe('with a lag alert among its steps', () => {
    const watched: Scenario = {
      ...scenario,
      alertLag: 500,
      steps: {
        ...scenario.steps,
        hold: [{ do: 'until-lag-alert', is: 'firing' }],
        settle: [{ do: 'until-lag-alert', is: 'cleared' }],
      },
      deadlinesMs: { ...scenario.deadlinesMs, hold: 400 },
    };
    const plan = [{ scenario: watched, variant: 'sound' }] as const;
    const alert = finding({ check: 'consumer-lag', class: 'alert', verdict: 'WARN', count: 731 });

    it('gives its bound to the pipeline, and proves that the alert fired and has cleared', async () => {
      const late = report({ verdict: 'SYNC_IN_PROGRESS', findings: [alert] });
      world.reports = [report(), late, report()];
      const { results } = await start({ plan });
      expect(world.created[0]?.alertLag).toBe(500);
      expect(results[0]).toMatchObject({ verdict: 'PASS', ok: true });
      expect(results[0]?.proof.evidence['lag-alert']).toEqual({
        ...{ alertsFrom: 500, firedAt: 731, verdict: 'SYNC_IN_PROGRESS' },
        clearedAfterMs: expect.any(Number),
      });
    });

    it('has no verdict where the alert does not fire', async () => {
      const { results } = await start({ plan });
      const reason = expect.stringContaining('waiting for the lag alert to fire');
      expect(results[0]).toMatchObject({ verdict: 'INCONCLUSIVE', reason });
    });

    it('waits for none where the pipeline cannot be given the bound', async () => {
      const lab = world.lab(dir);
      const given: Lab = { ...lab, createInstance: async ({ name }) => world.instance(name, dir) };
      const { results } = await start({ plan }, fakeFault(world), given);
      expect(results[0]).toMatchObject({ verdict: 'PASS', ok: true });
      expect(results[0]?.proof.evidence).not.toHaveProperty('lag-alert');
    });
  });

  it('heals before the final verdict', async () => {
    await start();
    expect(world.log).toEqual(['verify', 'inject', 'heal', 'verify']);
  });

  it('writes the undo to disk before it injects, and removes it after the heal', async () => {
    let pendingAtInject = 0;
    const fault = fakeFault(world, {
      inject: async () => {
        pendingAtInject = new UndoLog(dir).outstanding().length;
        throw new Error('broken injection');
      },
    });
    await start({}, fault);
    expect(pendingAtInject).toBe(1);
    expect(world.log).toContain('heal');
    expect(new UndoLog(dir).outstanding()).toEqual([]);
  });

  it('is red where a naive pipeline passes', async () => {
    const { ok, results } = await start({ plan: [{ scenario, variant: 'naive' }] });
    expect(ok).toBe(false);
    expect(results[0]).toMatchObject({ verdict: 'PASS', expected: 'FAIL', ok: false });
  });

  it('is green where a naive pipeline fails for the reason of the lesson', async () => {
    world.reports = [report(), report({ verdict: 'FAIL', findings: [finding()] })];
    const { ok, results } = await start({ plan: [{ scenario, variant: 'naive' }] });
    expect(results[0]?.reason).toBeNull();
    expect(ok).toBe(true);
  });

  it('is INCONCLUSIVE where the steady state is not reached, and injects nothing', async () => {
    world.reports = [report({ verdict: 'FAIL', findings: [finding()] })];
    const { results } = await start();
    expect(results[0]).toMatchObject({ verdict: 'INCONCLUSIVE', ok: false });
    expect(results[0]?.reason).toContain('steady state not reached: FAIL, 3 missing @sink in public.orders');
    expect(world.log).not.toContain('inject');
  });

  it('is INCONCLUSIVE where the fault is not shown to have taken effect, and is still healed', async () => {
    const { results } = await start({}, fakeFault(world, { prove: async () => undefined }));
    expect(results[0]).toMatchObject({ verdict: 'INCONCLUSIVE', proof: { injected: null } });
    expect(world.log).toEqual(['verify', 'inject', 'heal']);
  });

  it('is not run, and no result, where the runtime lacks what the fault needs', async () => {
    const { results, notRun } = await start({}, fakeFault(world, { needs: ['pause'] }));
    expect(results).toEqual([]);
    expect(notRun?.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('the process runtime cannot pause a service'),
    ]);
    expect(world.log).not.toContain('inject');
    expect(world.created).toEqual([]);
  });

  it('is INCONCLUSIVE in both variants when every injection is left out', async () => {
    const plan = [
      { scenario, variant: 'sound' },
      { scenario, variant: 'naive' },
    ] as const;
    const { results } = await start({ plan, noOp: true });
    expect(results.map((one) => one.verdict)).toEqual(['INCONCLUSIVE', 'INCONCLUSIVE']);
    expect(world.log).not.toContain('inject');
  });

  it('sets up the other pipeline under the same expectation when swapped', async () => {
    await start({ swap: true });
    expect(world.created[0]?.sink.file).toBe('sink-insert');
  });

  it('is INCONCLUSIVE where a proof at the end is missing', async () => {
    const late = { ...scenario, lateProofs: [{ kind: 'redelivered', atLeast: 1 }] as const };
    const { results } = await start({ plan: [{ scenario: late, variant: 'sound' }] });
    expect(results[0]?.verdict).toBe('INCONCLUSIVE');
    expect(results[0]?.reason).toContain('0 events were delivered twice');
  });

  it('is INCONCLUSIVE with the reason where the pipeline cannot be set up, and goes on with the next', async () => {
    let attempts = 0;
    world.beforeInstance = async () => {
      attempts += 1;
      if (attempts === 1) throw new Error('no room left');
    };
    const plan = [
      { scenario, variant: 'sound' },
      { scenario, variant: 'sound' },
    ] as const;
    const { results } = await start({ plan });
    expect(results.map((one) => one.verdict)).toEqual(['INCONCLUSIVE', 'PASS']);
    expect(results[0]?.reason).toContain('no room left');
  });

  it('gives up on a pipeline that is not ready in time, and still drops it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const late = Promise.withResolvers<void>();
    world.beforeInstance = () => late.promise;
    try {
      const run = start();
      await vi.waitUntil(() => world.created.length === 1);
      await vi.advanceTimersByTimeAsync(10 * 60_000);
      const { results } = await run;
      expect(results[0]).toMatchObject({
        verdict: 'INCONCLUSIVE',
        reason: expect.stringContaining('to be ready'),
      });
      expect(world.disposed).toEqual([]);
      late.resolve();
      await vi.waitUntil(() => world.disposed.length > 0);
      expect(world.disposed).toEqual(world.created.map(({ name }) => name));
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps a pipeline that is not as expected, or failed as expected, when asked to', async () => {
    const naive = [{ scenario, variant: 'naive' as const }];
    expect((await start({ keep: true, plan: naive })).ok).toBe(false);
    world.reports = [report(), report({ verdict: 'FAIL', findings: [finding()] })];
    expect((await start({ keep: true, plan: naive })).ok).toBe(true);
    expect(world.disposed).toEqual([]);
    expect(events.filter((event) => event.t === 'kept')).toHaveLength(2);
  });

  it('keeps nothing of a pipeline that never got ready', async () => {
    world.beforeInstance = async () => {
      throw new Error('no room');
    };
    await start({ keep: true });
    expect(events.filter((event) => event.t === 'kept')).toEqual([]);
  });

  it('drops one that passed, and every one without --keep', async () => {
    await start({ keep: true });
    expect(world.disposed).toHaveLength(1);
    await start({ plan: [{ scenario, variant: 'naive' }] });
    expect(world.disposed).toHaveLength(2);
  });

  it('asks the verifier again while it says SYNC_IN_PROGRESS', async () => {
    world.reports = [report({ verdict: 'SYNC_IN_PROGRESS' }), report()];
    const { results } = await start();
    expect(results[0]?.verdict).toBe('PASS');
  });
});
