import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WorkerRole } from '../access/access.ts';
import { until } from '../wait.ts';
import { type Drill, type DrillLab, startDrillLab } from './testing/drill.ts';

const TIMEOUT_MS = 180_000;
/** How long a server is away: longer than the clients' first retries. */
const AWAY_MS = 4_000;

let lab: DrillLab;
let drill: Drill;
const recoveryMs: Record<string, number> = {};

beforeAll(async () => {
  lab = await startDrillLab();
  drill = await lab.instance('kills');
}, TIMEOUT_MS);
afterAll(async () => {
  process.stdout.write(`recovery in ms: ${JSON.stringify(recoveryMs)}\n`);
  await lab?.[Symbol.asyncDispose]();
}, TIMEOUT_MS);

/** Watches the connectors for that long: they may be degraded, but must not fail. @returns the health seen. */
async function stayAlive(roles: readonly WorkerRole[], forMs: number): Promise<Set<string>> {
  const end = performance.now() + forMs;
  const seen = new Set<string>();
  while (performance.now() < end) {
    for (const role of roles) {
      const status = await drill.access.connectorStatus(role);
      expect([status.connector.state, ...status.tasks.map(({ state }) => state)]).toEqual([
        'RUNNING',
        'RUNNING',
      ]);
      seen.add(`${role} ${(await drill.health(role)).status}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return seen;
}

describe('kill -9 under load, then a start, ends in a PASS with the ledger complete', () => {
  test.each(['capture', 'sink'] as const)(
    'of the %s worker',
    async (role) => {
      const service = drill.instance.services[role];
      await drill.underLoad(role === 'capture' ? 1 : 2, async () => {
        await drill.kill(service);
        await drill.runtime.start(service);
        recoveryMs[`kill ${role}`] = await drill.roundTrip();
      });
    },
    TIMEOUT_MS,
  );

  test.each([
    { server: 'kafka', roles: ['capture', 'sink'], seed: 3 },
    { server: 'pg-source', roles: ['capture'], seed: 4 },
    { server: 'pg-sink', roles: ['sink'], seed: 5 },
  ] as const)(
    'of $server, and the connectors wait while it is away',
    async ({ server, roles, seed }) => {
      await drill.underLoad(seed, async () => {
        await drill.kill(server);
        const seen = await stayAlive(['capture', 'sink'], AWAY_MS);
        expect([...seen]).toEqual(expect.arrayContaining(roles.map((role) => `${role} degraded`)));
        await drill.runtime.start(server);
        recoveryMs[`kill ${server}`] = await drill.roundTrip();
        await healthy(server);
      });
    },
    TIMEOUT_MS,
  );
});

describe('SIGSTOP of every process of a server under load, then SIGCONT, ends in a PASS', () => {
  test.each([
    { server: 'kafka', seed: 6 },
    { server: 'pg-source', seed: 7 },
    { server: 'pg-sink', seed: 8 },
  ] as const)(
    'of $server',
    async ({ server, seed }) => {
      await drill.underLoad(seed, async () => {
        await drill.runtime.pause(server);
        await stayAlive(['capture', 'sink'], AWAY_MS);
        await drill.runtime.resume(server);
        recoveryMs[`pause ${server}`] = await drill.roundTrip();
        await healthy(server);
      });
    },
    TIMEOUT_MS,
  );
});

async function healthy(server: string): Promise<void> {
  for (const role of ['capture', 'sink'] as const) {
    await until(async () => (await drill.health(role)).status === 'ok', {
      what: `${role} to be healthy again after ${server} has returned`,
      withinMs: 30_000,
    });
  }
}
