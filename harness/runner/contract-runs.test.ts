import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { State } from '../connect/answers.ts';
import type { Clause } from '../plugins/clause.ts';
import type { Expectation, Scenario } from '../plugins/scenario.ts';
import { variantResultSchema } from './result.ts';
import { ExampleRun } from './testing/example-run.ts';
import { type FakeWorld, finding, report } from './testing/fake-lab.ts';
import { scenario } from './testing/scenario.ts';

let dir: string;
let world: FakeWorld;
let start: ExampleRun['start'];

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-run-'));
  const run = new ExampleRun(dir);
  ({ world } = run);
  start = run.start.bind(run);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs the sound variant, with this expectation and these clauses, and a wait for a stop if `withinMs` is given. */
async function resultOf(expect: Expectation, clauses: readonly Clause[], withinMs?: number) {
  const wait = withinMs === undefined ? [] : [{ do: 'until-stopped', connector: 'capture', withinMs }];
  const changed: Scenario = {
    ...scenario,
    contract: { ...scenario.contract, clauses },
    steps: { ...scenario.steps, settle: wait },
    variants: { ...scenario.variants, sound: { ...scenario.variants.sound, expect } },
  };
  const { results } = await start({ plan: [{ scenario: changed, variant: 'sound' }] });
  const [result] = results;
  return variantResultSchema.parse(result);
}

/** The capture's task as the worker reports it. */
function captureIs(state: State, trace?: string): void {
  const task = { id: 0, state, worker_id: 'w', ...(trace === undefined ? {} : { trace }) };
  world.tasks = [task];
}

const loud: Expectation = {
  verdict: 'FAIL',
  finding: { class: 'connector-failed', hop: 'capture' },
  stop: { code: 'CDC-1107', withinMs: 5_000 },
};
const failed = finding({ check: 'connector-state', class: 'connector-failed', hop: 'capture', table: null });

describe('a required stop', () => {
  it('is as expected with its code, and the result has code and time', async () => {
    captureIs('FAILED', 'CDC-1107: the slot is ahead');
    world.reports = [report(), report({ verdict: 'FAIL', findings: [failed] })];
    const result = await resultOf(loud, [], 5_000);
    expect(result).toMatchObject({ ok: true, verdict: 'FAIL', recoveryMs: null });
    expect(result.expectedFinding).toBe('connector-failed @capture, CDC-1107');
    expect(result.stops).toMatchObject([
      { stopped: true, code: 'CDC-1107', said: 'CDC-1107: the slot is ahead' },
    ]);
  });

  it('that does not come is silent, although every row is right', async () => {
    captureIs('RUNNING');
    const result = await resultOf(loud, [], 200);
    expect(result).toMatchObject({
      ok: false,
      verdict: 'FAIL',
      findings: [{ class: 'silent', hop: 'capture' }],
    });
    expect(result.reason).toContain('not for connector-failed @capture, CDC-1107: 1 silent @capture');
  });

  it('that comes after its bound is late, and not silent', async () => {
    captureIs('RUNNING');
    const late = setTimeout(() => captureIs('FAILED', 'CDC-1107: the slot is ahead'), 450);
    world.reports = [report(), report({ verdict: 'FAIL', findings: [failed] })];
    const bound = {
      kind: 'stops-within',
      connector: 'capture',
      withinMs: 200,
      why: 'it is promised',
    } as const;
    const result = await resultOf(loud, [bound], 200);
    clearTimeout(late);
    expect(result.findings.map((one) => one.class)).toEqual(['connector-failed', 'bound-exceeded']);
    expect(result).toMatchObject({ ok: false, stops: [{ stopped: true, withinMs: 200 }] });
  });

  it('that does not come may be what is expected of a naive pipeline', async () => {
    captureIs('RUNNING');
    const silent: Expectation = { verdict: 'FAIL', finding: { class: 'silent', hop: 'capture' } };
    expect(await resultOf(silent, [], 200)).toMatchObject({ ok: true, verdict: 'FAIL' });
  });
});

describe('a clause of the contract', () => {
  const why = 'it is promised';
  it('that is broken is a finding, which an expectation can name', async () => {
    world.failedWrites = 3;
    const harmed: Expectation = { verdict: 'FAIL', finding: { class: 'writer-harmed', hop: 'source' } };
    const result = await resultOf(harmed, [{ kind: 'writer-ok', why }]);
    expect(result).toMatchObject({
      ok: true,
      verdict: 'FAIL',
      findings: [{ class: 'writer-harmed', count: 3 }],
    });
    expect(result.clauses).toMatchObject([{ kind: 'writer-ok', why, holds: false, detail: { failed: 3 } }]);
  });

  it('that holds leaves a PASS, with its figures in the result', async () => {
    const result = await resultOf({ verdict: 'PASS' }, [{ kind: 'writer-ok', why }]);
    expect(result).toMatchObject({
      ok: true,
      clauses: [{ holds: true, detail: { committed: 1, failed: 0 } }],
    });
  });

  it('about which nothing was seen keeps a run from passing', async () => {
    world.services = [];
    const result = await resultOf({ verdict: 'PASS' }, [
      { kind: 'stops-within', connector: 'sink', withinMs: 1_000, why },
    ]);
    expect(result).toMatchObject({ ok: false, verdict: 'INCONCLUSIVE', clauses: [{ holds: null }] });
    expect(result.reason).toContain('nothing was seen by which to judge a clause');
  });
});

describe('a contract by which no event comes twice', () => {
  it.each([
    ['illegal', 3, ['bound-exceeded']],
    ['illegal', 0, []],
    ['legal', 3, []],
  ] as const)('that says %s, with %i events that did', async (duplicateDeliveries, count, classes) => {
    world.redelivered = count;
    const changed = { ...scenario, contract: { ...scenario.contract, duplicateDeliveries } };
    const { results } = await start({ plan: [{ scenario: changed, variant: 'sound' }] });
    expect(results[0]?.findings.map((one) => one.class)).toEqual(classes);
  });
});
