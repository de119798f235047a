import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { codeBlocks } from '../conventions/code-blocks.ts';
import { loadScenario } from '../plugins/catalogue.ts';
import type { Scenario } from '../plugins/scenario.ts';
import { PROJECT_DIR } from '../project.ts';
import { Journal, type JournalEvent } from './journal.ts';
import { NOT_FINISHED, type Outcome, resultOf } from './outcome.ts';
import { plansOf, type VariantPlan } from './plan.ts';
import {
  cannotRecover,
  commandsToRecover,
  type RecoveryDeps,
  recoverVariant,
  recoveryOf,
} from './recovery.ts';
import { FakeWorld, finding } from './testing/fake-lab.ts';

const LESSONS = ['restart', 'lag', 'schema-change', 'duplicate-resnapshot', 'backfill'];

async function planOf(id: string, over: Partial<VariantPlan> = {}): Promise<VariantPlan> {
  const scenario: Scenario = await loadScenario(id);
  const given = { tunables: {}, seed: 1, keep: false, noOp: false, swap: false, reproduce: '' };
  const options = { ...given, plan: [{ scenario, variant: 'naive' as const }] };
  const [plan] = plansOf(options, { source: 'ts', sink: 'ts' }, []);
  if (plan === undefined) throw new Error('no plan');
  return { ...plan, instanceName: 'NAME', ...over };
}

const duplicate = finding({ class: 'duplicate' });
const failed: Outcome = { ...NOT_FINISHED, verdict: 'FAIL', reason: null, findings: [duplicate] };

describe('a variant', () => {
  it('is recovered where it ends in the expected FAIL', async () => {
    const actions = recoveryOf(await planOf('restart'), failed);
    expect(actions.map(({ action }) => action)).toContain('dedupe');
  });

  it.each<[string, Partial<VariantPlan>, Outcome]>([
    ['is kept as it is', { keep: true }, failed],
    ['was not broken', { noOp: true }, failed],
    ['has the other pipeline', { swap: true }, failed],
    ['has another engine', { choice: { engines: { source: 'ts', sink: 'jdbc' } } }, failed],
    ['ends in PASS', {}, { ...failed, verdict: 'PASS', findings: [] }],
    ['fails for another reason', {}, { ...failed, findings: [finding({ class: 'missing' })] }],
  ])('is not recovered where it %s', async (_, over, outcome) => {
    expect(recoveryOf(await planOf('restart', over), outcome)).toEqual([]);
  });

  it('is recovered where it asks for the textbook capture, too', async () => {
    const missing = { ...failed, findings: [finding({ class: 'missing', hop: 'capture' })] };
    const actions = recoveryOf(await planOf('slot-lost'), missing);
    expect(actions.map(({ action }) => action)).toEqual([
      'connectors-stop',
      'connectors-set',
      'slot-recreate',
    ]);
    const jdbc = { choice: { engines: { source: 'textbook', sink: 'jdbc' } } } as const;
    expect(recoveryOf(await planOf('slot-lost', jdbc), missing)).toEqual([]);
  });

  it('with a planted defect is recovered only where the lab can replace the worker, and the result says so', async () => {
    const missing = { ...failed, findings: [finding({ class: 'missing' })] };
    const actions = recoveryOf(await planOf('lag'), missing);
    expect(actions).not.toEqual([]);
    const { runtime } = new FakeWorld();
    const why = cannotRecover(actions, { runtime });
    expect(why).toContain('the process runtime cannot replace a worker');
    expect(cannotRecover(actions, { runtime, upgrade: async () => [] })).toBeNull();
    const plan = await planOf('lag');
    const measured = { runtime: 'docker', durationMs: 1, recoveryMs: null, recovered: null };
    const result = resultOf(plan, missing, { ...measured, notRecovered: why }, null);
    expect(result).toMatchObject({ ok: true, verdict: 'FAIL', notRecovered: why });
  });

  describe('that is recovered', () => {
    const events: JournalEvent[] = [];
    beforeEach(() => {
      events.length = 0;
    });
    afterEach(() => vi.useRealTimers());

    async function depsOf(verify: RecoveryDeps['verify']): Promise<RecoveryDeps> {
      const world = new FakeWorld();
      const dir = path.join(PROJECT_DIR, '.lab-none');
      const journal = new Journal([], { runId: 'r' }, (event) => events.push(event));
      const { signal } = new AbortController();
      const given = { lab: world.lab(dir), instance: world.instance('a', dir), journal, signal };
      return { ...given, access: await world.access(), verify, catchUp: async () => undefined };
    }

    it('is INCONCLUSIVE, and not verified, if an action fails', async () => {
      const deps = await depsOf(() => Promise.reject(new Error('nobody asks')));
      const recovered = await recoverVariant([{ action: 'snapshot', with: { tables: ['no_such'] } }], deps);
      expect(recovered).toMatchObject({ verdict: 'INCONCLUSIVE', actions: [] });
      expect(recovered.reason).toContain(
        'cdc-lab snapshot no_such --instance a: the pipeline captures no table',
      );
      expect(events.map(({ t }) => t)).toEqual(['recovered']);
    });

    it('is INCONCLUSIVE if the second verification fails', async () => {
      const deps = await depsOf(() => Promise.reject(new Error('the server is gone')));
      expect(await recoverVariant([], deps)).toMatchObject({
        verdict: 'INCONCLUSIVE',
        reason: 'the second verification failed: the server is gone',
      });
      expect(events.map(({ t }) => t)).toEqual(['recovered']);
    });

    it('is INCONCLUSIVE if the second verification has no end', async () => {
      vi.useFakeTimers();
      const recovered = recoverVariant([], await depsOf(() => new Promise(() => undefined)));
      await vi.advanceTimersByTimeAsync(10 * 60_000);
      expect(await recovered).toMatchObject({
        verdict: 'INCONCLUSIVE',
        reason: expect.stringContaining('timed out'),
      });
    });
  });
});

it.each(LESSONS)('GUIDE prints the commands that recover the naive pipeline of %s', async (id) => {
  const guide = readFileSync(path.join(PROJECT_DIR, 'GUIDE.md'), 'utf8');
  const blocks = codeBlocks(guide).map(({ text }) => text.trim().replaceAll('bin/cdc-lab', 'cdc-lab'));
  const commands = await commandsToRecover(await planOf(id));
  expect(commands.length).toBeGreaterThan(1);
  expect(blocks).toContain(commands.join('\n'));
});
