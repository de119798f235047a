import { describe, expect, test } from 'vitest';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { type FenceInputs, type FenceOutcome, passFence } from './fence.ts';

const lsn = (n: number): Lsn => BigInt(n) as Lsn;
const at = (n: number): ReadonlyMap<string, bigint> => new Map([['t/0', BigInt(n)]]);

/** A pipeline whose state is a function of the time. */
interface Scene {
  readonly confirmed?: (ms: number) => number | null;
  readonly ends?: (ms: number) => number;
  readonly done?: (ms: number) => number | undefined;
  readonly first?: number;
  readonly snapshot?: (ms: number) => boolean;
  readonly state?: (ms: number) => string;
  readonly position?: (ms: number) => number;
  /** Ends without trailing records that carry no data. */
  readonly dataEnds?: (ms: number) => number;
  /** Ends with what lies behind open transactions. */
  readonly watermarks?: (ms: number) => number;
  /** What holds the sink back from outside. */
  readonly blockers?: (ms: number) => readonly string[];
}

async function run(scene: Scene, deadlineMs = 10_000): Promise<FenceOutcome & { atMs: number }> {
  let ms = 0;
  const inputs: FenceInputs = {
    position: async () => lsn(scene.position?.(ms) ?? 100),
    slotConfirmed: async () => {
      const confirmed = scene.confirmed === undefined ? 100 : scene.confirmed(ms);
      return confirmed === null ? null : lsn(confirmed);
    },
    endOffsets: async () => at(scene.ends?.(ms) ?? 10),
    firstOffsets: async () => at(scene.first ?? 0),
    sinkOffsets: async () => {
      const done = scene.done === undefined ? 10 : scene.done(ms);
      return done === undefined ? new Map() : at(done);
    },
    ...(scene.dataEnds && { dataEnds: async () => at(scene.dataEnds?.(ms) ?? 0) }),
    ...(scene.watermarks && { highWatermarks: async () => at(scene.watermarks?.(ms) ?? 0) }),
    ...(scene.blockers && { blockers: async () => scene.blockers?.(ms) ?? [] }),
    snapshotRunning: async () => scene.snapshot?.(ms) ?? false,
    connectors: async () => [
      { name: 'c', type: 'sink', state: scene.state?.(ms) ?? 'RUNNING', tasks: [], detail: '' },
    ],
  };
  const clock = {
    now: () => ms,
    wait: async (by: number) => {
      ms += by;
    },
  };
  const signal = new AbortController().signal;
  return { ...(await passFence(inputs, { deadlineAtMs: deadlineMs, signal, clock })), atMs: ms };
}

test('a pipeline that has carried everything passes the fence at once', async () => {
  expect(await run({})).toMatchObject({
    tag: 'passed',
    atMs: 0,
    progress: { eventsBehind: 0, fencePassed: true },
  });
});

test('the fence waits for the slot, and only then takes the ends that the sink must reach', async () => {
  const outcome = await run({
    confirmed: (ms) => (ms < 1_000 ? 50 : 100),
    ends: (ms) => (ms < 900 ? 10 : 20),
    done: (ms) => (ms < 3_000 ? 10 : 20),
  });
  expect(outcome).toMatchObject({ tag: 'passed', ends: at(20) });
  expect(outcome.atMs).toBeGreaterThanOrEqual(3_000);
});

test('the fence does not wait for events that arrive after it', async () => {
  const outcome = await run({
    ends: (ms) => 10 + Math.floor(ms / 10),
    done: (ms) => Math.floor(ms / 100) + 9,
  });
  expect(outcome).toMatchObject({ tag: 'passed', ends: at(10) });
});

test('the fence waits for a running snapshot', async () => {
  const outcome = await run({ snapshot: (ms) => ms < 2_000 });
  expect(outcome.tag).toBe('passed');
  expect(outcome.atMs).toBeGreaterThanOrEqual(2_000);
});

test('a sink that has not begun a partition is behind by the records that the partition still holds', async () => {
  const outcome = await run({ done: () => undefined, first: 4, state: () => 'PAUSED' });
  expect(outcome).toMatchObject({ tag: 'in-progress', progress: { eventsBehind: 6 } });
});

describe('at the deadline', () => {
  test('a sink that makes progress is in progress, with its rate', async () => {
    const outcome = await run({ ends: () => 10_000, done: (ms) => Math.floor(ms / 2) }, 4_000);
    expect(outcome).toMatchObject({
      tag: 'in-progress',
      progress: { eventsBehind: 8_000, eventsBehindAtStart: 10_000 },
    });
    expect(outcome.progress?.rateEventsPerSecond).toBeCloseTo(500, -1);
  });

  test('a paused connector is in progress', async () => {
    expect((await run({ done: () => 5, state: () => 'PAUSED' })).tag).toBe('in-progress');
  });

  test('a sink that makes no progress is no evidence, however busy the capture is', async () => {
    const outcome = await run({ ends: (ms) => 10 + ms, done: () => 5 });
    expect(outcome).toMatchObject({ tag: 'no-evidence' });
    expect(outcome.tag === 'no-evidence' && outcome.reason).toContain('5 more events');
  });

  test('a sink that an open transaction holds back is in progress, and is said to wait for it', async () => {
    const dataEnds = () => {
      throw new Error('behind an open transaction, nothing can be read');
    };
    const outcome = await run({ done: () => 5, blockers: () => ['transaction "t" to end'], dataEnds }, 1_000);
    expect(outcome).toMatchObject({ tag: 'in-progress' });
    expect(outcome.progress?.waitingFor).toEqual([
      'the sink to apply 5 more events',
      'transaction "t" to end',
    ]);
  });

  test('what lies behind an open transaction is not carried, though all that is committed is', async () => {
    const blockers = () => ['transaction "t" to end'];
    const outcome = await run({ ends: () => 10, watermarks: () => 14, blockers }, 1_000);
    expect(outcome).toMatchObject({ tag: 'in-progress', progress: { eventsBehind: 4 } });
  });

  test('a sink whose blocker has gone must move', async () => {
    const blockers = (ms: number) => (ms < 1_000 ? ['transaction "t" to end'] : []);
    expect((await run({ done: () => 5, blockers })).tag).toBe('no-evidence');
  });

  test('a slot that makes no progress is no evidence, and is reported with its position', async () => {
    const outcome = await run({ confirmed: () => 50 });
    expect(outcome.tag === 'no-evidence' && outcome.reason).toContain('0/64 (it is at 0/32)');
  });
});

test('if the remaining records could not be read for data, they are read again later', async () => {
  let asked = 0;
  const read = (from: number) => () => (++asked < from ? 10 : 7);
  const outcome = await run({ done: () => 7, dataEnds: read(2) });
  expect(outcome).toMatchObject({ tag: 'passed', progress: { eventsBehind: 0 } });
  expect(outcome.atMs).toBeLessThan(8_000);
  asked = 0;
  expect((await run({ done: () => 7, dataEnds: read(9) })).tag).toBe('no-evidence');
  expect(asked).toBe(2);
});

test('a failed connector ends the wait early', async () => {
  const outcome = await run({ done: () => 5, state: () => 'FAILED' }, 60_000);
  expect(outcome.tag).toBe('connector-failed');
  expect(outcome.atMs).toBeLessThan(5_000);
});

test('a connector that fails and is restarted at once does not end the wait', async () => {
  const outcome = await run({
    done: (ms) => (ms < 4_000 ? 5 : 10),
    state: (ms) => (ms < 500 ? 'FAILED' : 'RUNNING'),
  });
  expect(outcome.tag).toBe('passed');
});

test('a server that comes back before the deadline does not fail the fence', async () => {
  const outcome = await run({
    position: (ms) => {
      if (ms < 3_000) throw new Error('connection refused');
      return 100;
    },
  });
  expect(outcome.tag).toBe('passed');
});

test('the reason for missing evidence is reported', async () => {
  const outcome = await run({
    confirmed: () => {
      throw new Error('the replication slot s does not exist');
    },
  });
  expect(outcome).toMatchObject({ tag: 'no-evidence', reason: 'the replication slot s does not exist' });
});

test('without a slot, the fence consists of the offsets alone', async () => {
  expect((await run({ confirmed: () => null })).tag).toBe('passed');
});
