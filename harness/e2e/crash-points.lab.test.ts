import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { CRASH_POINTS, type CrashPoint } from '../../pipeline/contract/crash-points.ts';
import { requestSnapshot } from '../access/captured-tables.ts';
import { type Drill, type DrillLab, startDrillLab } from './testing/drill.ts';

/** Kills at each point; a soak run uses 20. */
const KILLS = Number(process.env.CDC_LAB_KILLS ?? 1);
const TIMEOUT_MS = 120_000;
const TABLES = ['public.customers', 'public.orders', 'public.order_items', 'public.documents'];

let lab: DrillLab;
let drill: Drill;
const recoveryMs: Record<string, number[]> = {};

beforeAll(async () => {
  lab = await startDrillLab();
  drill = await lab.instance('points');
}, TIMEOUT_MS);
afterAll(async () => {
  process.stdout.write(`recovery in ms: ${JSON.stringify(recoveryMs)}\n`);
  await lab?.[Symbol.asyncDispose]();
}, TIMEOUT_MS);

const cases = Object.values(CRASH_POINTS).flatMap((point) =>
  Array.from({ length: KILLS }, (_, round) => ({ point, round })),
);

async function killAt(point: CrashPoint, round: number): Promise<void> {
  const role = point.startsWith('sink.') ? 'sink' : 'capture';
  const isSnapshot = point === CRASH_POINTS.midSnapshotChunk;
  // Skip more arrivals each round, to kill at another place in the stream.
  await drill.killAt(role, point, isSnapshot ? round % TABLES.length : round, async () => {
    if (isSnapshot) await requestSnapshot(drill.access, randomUUID(), 'incremental', TABLES);
  });
  recoveryMs[point] = [...(recoveryMs[point] ?? []), await drill.roundTrip()];
}

describe('SIGKILL under load ends in a PASS with the ledger complete', () => {
  test.each(cases)(
    'at $point, round $round',
    async ({ point, round }) => {
      const seed = 100 + cases.findIndex((one) => one.point === point && one.round === round);
      await drill.underLoad(seed, () => killAt(point, round));
    },
    TIMEOUT_MS,
  );
});
