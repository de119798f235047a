import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sinkWorkers } from '../lab/instance/sink-workers.ts';
import { enginesReady } from '../lab/process/connect-service.ts';
import { untilTasksRunOn } from './testing/connect-cluster.ts';
import { type Drill, type DrillLab, startDrillLab } from './testing/drill.ts';

/** Run by `npm run cluster`: needs the jars that `make setup ENGINES=all` fetches, and some minutes. */
const isWanted = process.env.CDC_LAB_CLUSTER === 'all' && enginesReady();
const TIMEOUT_MS = 300_000;
const SINKS = 2;

let lab: DrillLab;
let drill: Drill;
const recoveryMs: Record<string, number> = {};

describe.runIf(isWanted)('a Kafka Connect cluster of two, under load', { timeout: TIMEOUT_MS }, () => {
  beforeAll(async () => {
    lab = await startDrillLab();
    drill = await lab.instance('connect', {
      engines: { source: 'debezium', sink: 'jdbc' },
      // Connect's default of five minutes would take most of the drill.
      connect: { offsetFlushMs: 3_000, rebalanceDelayMs: 5_000 },
      sinkWorkers: SINKS,
    });
  }, TIMEOUT_MS);
  afterAll(async () => {
    process.stdout.write(`recovery in ms: ${JSON.stringify(recoveryMs)}\n`);
    await lab?.[Symbol.asyncDispose]();
  }, TIMEOUT_MS);

  const services = (): string[] => sinkWorkers(drill.instance).map(({ service }) => service);

  test('runs one task of the JDBC sink in each worker', async () => {
    await drill.underLoad(1, async () => {
      expect(await untilTasksRunOn(drill, services())).toBe(SINKS);
    });
  });

  test('moves all tasks to the remaining worker when the other is killed, and loses nothing', async () => {
    const [first = '', second = ''] = services();
    await drill.underLoad(2, async () => {
      await drill.kill(first);
      const begin = performance.now();
      expect(await untilTasksRunOn(drill, [second])).toBe(SINKS);
      recoveryMs['kill Connect worker'] = Math.round(performance.now() - begin);
      await drill.roundTrip();
      // The verifier asks the remaining worker.
      const report = await drill.access.verify({ deadlineMs: 30_000, signal: AbortSignal.timeout(60_000) });
      expect(report.connectors.map(({ type, state }) => [type, state])).toEqual([
        ['source', 'RUNNING'],
        ['sink', 'RUNNING'],
      ]);
      await drill.runtime.start(first);
      await untilTasksRunOn(drill, [first, second]);
    });
  });

  test('moves tasks back to a worker that was stopped and returns, under load', async () => {
    const [first = '', second = ''] = services();
    await drill.underLoad(3, async () => {
      await drill.runtime.stop(second);
      expect(await untilTasksRunOn(drill, [first])).toBe(SINKS);
      await drill.roundTrip();
      await drill.runtime.start(second);
      const begin = performance.now();
      await untilTasksRunOn(drill, [first, second]);
      recoveryMs['add Connect worker'] = Math.round(performance.now() - begin);
      await drill.roundTrip();
    });
  });
});
