import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sinkWorkers } from '../lab/instance/sink-workers.ts';
import { loadScenarios } from '../plugins/catalogue.ts';
import { runBothVariants, verdictsOf } from '../runner/testing/both-variants.ts';
import { until } from '../wait.ts';
import {
  brokerService,
  leaderOfOrders,
  partitions,
  untilOwnedBy,
  untilReplicated,
} from './testing/cluster.ts';
import { type Drill, type DrillLab, startDrillLab } from './testing/drill.ts';

/** `CDC_LAB_CLUSTER=all` also runs the five lessons. */
const isAll = process.env.CDC_LAB_CLUSTER === 'all';
const TIMEOUT_MS = 180_000;
const BROKERS = 3;
const SINKS = 2;

let lab: DrillLab;
let drill: Drill;
const recoveryMs: Record<string, number> = {};

beforeAll(async () => {
  lab = await startDrillLab({ brokers: BROKERS });
  // The minimum that Kafka allows by default: the group gives up on a dead worker after this.
  const sink = { 'consumer.override.session.timeout.ms': '6000' };
  drill = await lab.instance('cluster', { sink, sinkWorkers: SINKS });
}, TIMEOUT_MS);
afterAll(async () => {
  process.stdout.write(`recovery in ms: ${JSON.stringify(recoveryMs)}\n`);
  await lab?.[Symbol.asyncDispose]();
}, TIMEOUT_MS);

const services = (): string[] => sinkWorkers(drill.instance).map(({ service }) => service);

async function pidOf(service: string): Promise<number | null | undefined> {
  return (await drill.runtime.services()).find(({ name }) => name === service)?.pid;
}

describe('a cluster of three brokers and two sink workers, under load', { timeout: TIMEOUT_MS }, () => {
  test('keeps three copies of everything, and both workers share the partitions', async () => {
    await drill.underLoad(1, async () => {
      await untilOwnedBy(drill, services());
      await untilReplicated(drill);
      const all = await partitions(drill);
      expect(all.map(({ replicas }) => replicas.length)).toEqual(all.map(() => BROKERS));
      expect(new Set(all.flatMap(({ inSync }) => inSync)).size).toBe(BROKERS);
    });
  });

  test('loses nothing when the broker that leads a partition is killed', async () => {
    await untilReplicated(drill);
    await drill.underLoad(2, async () => {
      const leader = await leaderOfOrders(drill);
      await drill.kill(brokerService(leader));
      const elected = async () => (await leaderOfOrders(drill)) !== leader;
      await until(elected, { what: 'another broker to lead', withinMs: 60_000 });
      // While it is away, two of three copies are enough.
      recoveryMs['kill leader'] = await drill.roundTrip();
      await drill.runtime.start(brokerService(leader));
      await untilReplicated(drill);
    });
  });

  test('loses nothing when every broker is restarted, one after another', async () => {
    await drill.underLoad(3, async () => {
      for (let nodeId = 1; nodeId <= BROKERS; nodeId++) {
        const service = brokerService(nodeId);
        const before = await pidOf(service);
        await untilReplicated(drill);
        await drill.runtime.stop(service);
        await drill.runtime.start(service);
        expect(await pidOf(service)).not.toBe(before);
        recoveryMs[`restart ${service}`] = await drill.roundTrip();
      }
      await untilReplicated(drill);
    });
  });

  test('gives the partitions of a sink worker that was killed to the other one', async () => {
    const [first = '', second = ''] = services();
    await drill.underLoad(4, async () => {
      const generation = await untilOwnedBy(drill, [first, second]);
      await drill.kill(first);
      const begin = performance.now();
      expect(await untilOwnedBy(drill, [second])).toBeGreaterThan(generation);
      recoveryMs['kill sink worker'] = Math.round(performance.now() - begin);
      await drill.roundTrip();
      await drill.runtime.start(first);
      await untilOwnedBy(drill, [first, second]);
    });
  });

  test('rebalances when a sink worker is stopped and started again', async () => {
    const [first = '', second = ''] = services();
    await drill.underLoad(5, async () => {
      const before = await untilOwnedBy(drill, [first, second]);
      await drill.runtime.stop(second);
      const without = await untilOwnedBy(drill, [first]);
      recoveryMs['remove sink worker'] = await drill.roundTrip();
      await drill.runtime.start(second);
      const withBoth = await untilOwnedBy(drill, [first, second]);
      recoveryMs['add sink worker'] = await drill.roundTrip();
      expect([before, without, withBoth]).toEqual([before, without, withBoth].toSorted((a, b) => a - b));
      expect(new Set([before, without, withBoth]).size).toBe(3);
    });
  });
});

test.runIf(isAll)(
  'the five lessons get their ten verdicts on a cluster',
  async () => {
    const run = await runBothVariants(lab.lab, await loadScenarios('lessons'), { sinkWorkers: SINKS });
    expect(run.ok, verdictsOf(run)).toBe(true);
  },
  15 * 60_000,
);
