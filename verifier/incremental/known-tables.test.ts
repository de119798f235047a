import { expect, test, vi } from 'vitest';
import { parseConfig } from '../config.ts';
import { Follower } from './follower.ts';
import { KnownTables } from './known-tables.ts';

const waitsMs = vi.hoisted((): number[] => []);
vi.mock('node:timers/promises', () => ({
  setTimeout: async (ms: number) => {
    waitsMs.push(ms);
    await new Promise((resolve) => setImmediate(resolve));
  },
}));
vi.mock('./followed-tables.ts', () => ({
  readSeen: async () => ({
    ...{ followable: [], left: new Map(), fingerprints: new Map() },
    relations: { source: new Map(), sink: new Map() },
  }),
}));

test('streams that break as soon as they have begun are begun again with longer and longer pauses', async () => {
  let broken = 0;
  using _ = vi.spyOn(Follower, 'start').mockImplementation(async () => {
    broken++;
    const ended = Promise.reject(new Error('the connection was closed'));
    ended.catch(() => undefined);
    return { ended, rowsOf: () => 0, [Symbol.asyncDispose]: async () => undefined } as unknown as Follower;
  });
  const url = 'postgres://postgres@127.0.0.1:9/none';
  const raw = { port: 0, stateDir: 'x', kafka: null, source: { url, slot: null }, sink: { url } };
  const config = parseConfig({ ...raw, incremental: {} }, 'test');
  const { incremental } = config;
  if (incremental === null) throw new Error('the configuration has no incremental');
  const known = new KnownTables(config, incremental);
  known.start();
  await expect.poll(() => broken).toBeGreaterThan(10);
  await known.stop();
  const pauses = waitsMs.filter((ms) => ms >= 1_000);
  expect(pauses.slice(0, 5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
});
