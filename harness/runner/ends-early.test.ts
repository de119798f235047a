import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Interrupted, UnavailableError } from '../errors.ts';
import type { Instance, InstanceSpec } from '../lab/lab.ts';
import { UndoLog } from '../undo/undo-log.ts';
import { type JournalEvent, readJournal } from './journal.ts';
import { runResultSchema } from './result.ts';
import { ExampleRun } from './testing/example-run.ts';
import type { FakeWorld } from './testing/fake-lab.ts';
import { fakeFault, scenario } from './testing/scenario.ts';

let dir: string;
let world: FakeWorld;
let events: JournalEvent[];
let interrupt: AbortController;
let start: ExampleRun['start'];

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-run-'));
  const run = new ExampleRun(dir);
  ({ world, events, interrupt } = run);
  start = run.start.bind(run);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('an interrupted run', () => {
  it('heals, disposes of every pipeline and rejects with the interruption', async () => {
    const fault = fakeFault(world, {
      prove: async () => {
        interrupt.abort(new Interrupted('Ctrl-C'));
        return { seen: true };
      },
    });
    const plan = [
      { scenario, variant: 'sound' },
      { scenario, variant: 'naive' },
    ] as const;
    await expect(start({ plan }, fault)).rejects.toBeInstanceOf(Interrupted);
    const [ended] = events.filter((event) => event.t === 'run-ended').map(({ result }) => result);
    expect(runResultSchema.parse(ended)).toMatchObject({
      ok: false,
      endedEarly: 'interrupted by Ctrl-C',
      results: [
        { variant: 'sound', verdict: 'INCONCLUSIVE', reason: 'interrupted by Ctrl-C in phase inject' },
      ],
      notRun: [{ variant: 'naive', reason: 'not reached: interrupted by Ctrl-C' }],
    });
    expect(world.log.at(-1)).toBe('heal');
    expect(new Set(world.disposed)).toEqual(new Set(world.created.map((spec) => spec.name)));
    expect(new UndoLog(dir).outstanding()).toEqual([]);
  });
});

describe('a server that dies in a run', () => {
  const plan = [
    { scenario, variant: 'sound' },
    { scenario, variant: 'naive' },
  ] as const;
  const deadly = () =>
    fakeFault(world, {
      inject: async () => {
        world.services.push({
          name: 'kafka',
          kind: 'kafka',
          state: 'dead',
          pid: null,
          port: 1,
          log: '/k.log',
        });
        throw new Error('no broker answers');
      },
    });

  it('ends the run as unavailable, with the results so far and what was not reached', async () => {
    const error = await start({ plan }, deadly()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ message: expect.stringContaining('kafka is dead (its log: /k.log)') });
    const file = path.join(dir, 'runs', events[0]?.runId ?? '', 'result.json');
    expect(runResultSchema.parse(JSON.parse(readFileSync(file, 'utf8')))).toMatchObject({
      ok: false,
      results: [{ variant: 'sound', verdict: 'INCONCLUSIVE', reason: 'no broker answers' }],
      notRun: [{ variant: 'naive' }],
    });
  });
});

describe('a server that is down while a run waits', () => {
  const waiting = (service: string) => ({
    ...scenario,
    steps: {
      ...scenario.steps,
      inject: [{ do: 'fault' as const, fault: 'fake', with: { service } }],
      hold: [{ do: 'until-behind' as const, events: 1000 }],
    },
    deadlinesMs: { ...scenario.deadlinesMs, hold: 60_000 },
  });
  const kafka = { name: 'kafka', kind: 'kafka', pid: null, port: 1, log: '/k.log' } as const;

  it('ends the wait', async () => {
    const fault = fakeFault(world, {
      heal: async () => {
        world.log.push('heal');
        return { said: 'healed it', evidence: {} };
      },
      inject: async () => {
        world.services.push({ ...kafka, state: 'dead' });
        return {};
      },
      prove: async () => ({ seen: true }),
    });
    const plan = [{ scenario: waiting('sink'), variant: 'sound' }] as const;
    await expect(start({ plan }, fault)).rejects.toThrow('kafka is dead');
    const [ended] = events.filter((event) => event.t === 'run-ended').map(({ result }) => result);
    expect(ended?.results[0]?.reason).toContain('The run cannot go on: kafka is dead');
    expect(world.log.at(-1)).toBe('heal');
  });

  it('is not taken for lost where a fault was aimed at it', async () => {
    const { promise: seen, resolve } = Promise.withResolvers<void>();
    const services = world.runtime.services;
    let looks = 0;
    const fault = fakeFault(world, {
      inject: async () => {
        world.services.push({ ...kafka, state: 'dead' });
        return {};
      },
      prove: async () => {
        await seen;
        world.services = world.services.filter(({ name }) => name !== 'kafka');
        world.lagEvents = 1000;
        return { seen: true };
      },
    });
    const lab = world.lab(dir);
    const runtime = {
      ...lab.runtime,
      services: async () => {
        const found = await services();
        if (found.some(({ name }) => name === 'kafka')) looks += 1;
        if (looks === 2) resolve();
        return found;
      },
    };
    const plan = [{ scenario: waiting('kafka'), variant: 'sound' }] as const;
    const { results } = await start({ plan }, fault, { ...lab, runtime });
    expect(results[0]).toMatchObject({ verdict: 'PASS', ok: true });
  });
});

describe('a journal that cannot be written', () => {
  it('lets the fault be healed, and ends the run', async () => {
    const fault = fakeFault(world, {
      inject: async () => {
        world.log.push('inject');
        // No line can be appended to a folder.
        const file = path.join(dir, 'runs', events[0]?.runId ?? '', 'journal.ndjson');
        rmSync(file);
        mkdirSync(file);
        return {};
      },
    });
    const error = await start({}, fault).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(world.log).toContain('heal');
    expect(new UndoLog(dir).outstanding()).toEqual([]);
    expect(world.disposed).toHaveLength(1);
  });
});

describe('a pipeline that cannot be dropped', () => {
  const dropless = () => {
    const lab = world.lab(dir);
    const createInstance = async (spec: InstanceSpec): Promise<Instance> => ({
      ...(await lab.createInstance(spec)),
      [Symbol.asyncDispose]: () => Promise.reject(new Error('the server is gone')),
    });
    return { ...lab, createInstance };
  };
  const reported = () => events.filter((event) => event.t === 'drop-failed');

  it('is in the journal, and fails the run', async () => {
    await expect(start({}, fakeFault(world), dropless())).rejects.toThrow('the server is gone');
    expect(reported()).toMatchObject([{ instance: world.created[0]?.name, error: 'the server is gone' }]);
  });

  it('is in the journal after an interrupt too, and does not hide the interrupt', async () => {
    const fault = fakeFault(world, {
      inject: async () => {
        interrupt.abort(new Interrupted('Ctrl-C'));
        return {};
      },
    });
    await expect(start({}, fault, dropless())).rejects.toBeInstanceOf(Interrupted);
    expect(reported()).toMatchObject([{ instance: world.created[0]?.name, error: 'the server is gone' }]);
  });
});

describe('a step that is given up', () => {
  it('injects nothing any more where it was still observing', async () => {
    const fault = fakeFault(world, {
      observe: async () => {
        interrupt.abort(new Interrupted('Ctrl-C'));
        await sleep(20);
        return {};
      },
    });
    await expect(start({}, fault)).rejects.toBeInstanceOf(Interrupted);
    await sleep(50);
    expect(world.log).toEqual(['verify']);
    expect(new UndoLog(dir).outstanding()).toEqual([]);
  });

  it('ends before the heal: an injection under way cannot overtake it', async () => {
    const fault = fakeFault(world, {
      inject: async () => {
        interrupt.abort(new Interrupted('Ctrl-C'));
        await sleep(50);
        world.log.push('inject');
        return {};
      },
    });
    await expect(start({}, fault)).rejects.toBeInstanceOf(Interrupted);
    expect(world.log).toEqual(['verify', 'inject', 'heal']);
    expect(new UndoLog(dir).outstanding()).toEqual([]);
  });

  it('is healed, and stays in the undo log, where it does not end in time', async () => {
    const never = Promise.withResolvers<Record<string, unknown>>();
    const fault = fakeFault(world, { inject: () => never.promise });
    const deadlinesMs = { ...scenario.deadlinesMs, inject: 100, heal: 100 };
    const { results } = await start(
      { plan: [{ scenario: { ...scenario, deadlinesMs }, variant: 'sound' }] },
      fault,
    );
    expect(results[0]).toMatchObject({ verdict: 'INCONCLUSIVE', reason: expect.stringContaining('inject') });
    expect(world.log).toEqual(['verify', 'heal']);
    expect(new UndoLog(dir).outstanding()).toHaveLength(1);
    never.resolve({});
  });
});

describe('the journal', () => {
  it('holds the whole run, in the run folder and in the variant folder', async () => {
    const result = await start();
    const folder = path.join(dir, 'runs', result.runId);
    const whole = readJournal(path.join(folder, 'journal.ndjson'));
    const own = readJournal(path.join(folder, 'example-sound', 'journal.ndjson'));
    expect(whole).toEqual(JSON.parse(JSON.stringify(events)));
    expect(whole.at(-1)?.t).toBe('run-ended');
    expect(own.every((event) => event.scenario === 'example' && event.variant === 'sound')).toBe(true);
    expect(own.map((event) => event.t)).toContain('fault-proven');
  });

  it('ends with the result that is also in result.json, of the published shape', async () => {
    const result = await start();
    const file = path.join(dir, 'runs', result.runId, 'result.json');
    expect(runResultSchema.parse(JSON.parse(readFileSync(file, 'utf8')))).toEqual(result);
  });
});
