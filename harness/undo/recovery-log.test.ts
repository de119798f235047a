import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { defineRecovery, type Recovery, type RecoveryContext } from '../plugins/recovery.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import { performRecovery } from './perform-recovery.ts';
import { commandsToFinish, RecoveryLog } from './recovery-log.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-recover-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const always = async () => true;

/** An action that does what the test says. */
function action(run: () => Promise<void>): {
  name: string;
  recovery: Recovery;
  params: { tables: string[] };
} {
  const recovery = defineRecovery<Record<string, unknown>>({
    ...{ description: 'for a test', safeWhen: 'always', loses: null, undo: 'none' },
    params: z.record(z.string(), z.unknown()),
    example: {},
    typed: () => ['snapshot', 'two words'],
    plan: async () => ({ does: [], commands: [], loses: null, undo: null }),
    run: async () => {
      await run();
      return { said: 'done', evidence: {} };
    },
  });
  return { name: 'snapshot', recovery, params: { tables: [] } };
}

async function contextOf(name = 'lab'): Promise<RecoveryContext> {
  const world = new FakeWorld();
  const { signal } = new AbortController();
  const [lab, access] = [world.lab(dir), await world.access()];
  return { lab, instance: world.instance(name, dir), access, signal, withinMs: 1_000 };
}

it('is on record while it runs, and no longer when it is done', async () => {
  let during: string[] = [];
  await performRecovery(
    action(async () => {
      during = await commandsToFinish(dir, always);
    }),
    await contextOf(),
  );
  expect(during).toEqual(["cdc-lab snapshot 'two words'"]);
  expect(await commandsToFinish(dir, always)).toEqual([]);
});

it('stays on record when it fails, once however often, and goes when the same command succeeds', async () => {
  const failing = action(() => Promise.reject(new Error('the server is gone')));
  for (const _ of [1, 2])
    await expect(performRecovery(failing, await contextOf('a'))).rejects.toThrow('gone');
  expect(await commandsToFinish(dir, always)).toEqual(["cdc-lab snapshot 'two words' --instance a"]);
  // On another pipeline it is another recovery.
  await performRecovery(
    action(async () => undefined),
    await contextOf('b'),
  );
  expect(await commandsToFinish(dir, always)).toHaveLength(1);
  await performRecovery(
    action(async () => undefined),
    await contextOf('a'),
  );
  expect(await commandsToFinish(dir, always)).toEqual([]);
});

it('leaves no record of a single step that failed, unless it was interrupted', async () => {
  const failing = action(() => Promise.reject(new Error('the server is gone')));
  const oneStep = { ...failing, recovery: { ...failing.recovery, isOneStep: true as const } };
  await expect(performRecovery(oneStep, await contextOf())).rejects.toThrow('gone');
  expect(await commandsToFinish(dir, always)).toEqual([]);
  const interrupted = { ...(await contextOf()), signal: AbortSignal.abort() };
  await expect(performRecovery(oneStep, interrupted)).rejects.toThrow('gone');
  expect(await commandsToFinish(dir, always)).toHaveLength(1);
});

it('leaves no record of an action that refuses, as nothing was begun', async () => {
  const refusing = action(() => Promise.reject(new UsageError('it is in use', 'stop it')));
  await expect(performRecovery(refusing, await contextOf())).rejects.toThrow('in use');
  expect(await commandsToFinish(dir, always)).toEqual([]);
});

it.each([
  ['refuses', new UsageError('it is in use', 'stop it')],
  ['fails in its single step', new Error('the server is gone')],
])('keeps the record of an interrupted attempt when the next one %s', async (_, error) => {
  const failing = action(() => Promise.reject(error));
  const oneStep = { ...failing, recovery: { ...failing.recovery, isOneStep: true as const } };
  const interrupted = { ...(await contextOf()), signal: AbortSignal.abort() };
  const killed = action(() => Promise.reject(new Error('killed')));
  await expect(performRecovery(killed, interrupted)).rejects.toThrow('killed');
  await expect(performRecovery(oneStep, await contextOf())).rejects.toThrow(error.message);
  expect(await commandsToFinish(dir, always)).toEqual(["cdc-lab snapshot 'two words'"]);
});

it('forgets what was interrupted on a pipeline that is gone', async () => {
  new RecoveryLog(dir).begin({
    id: '1',
    instance: 'gone',
    action: 'snapshot',
    command: 'cdc-lab snapshot t',
  });
  expect(await commandsToFinish(dir, async () => false)).toEqual([]);
  expect(await commandsToFinish(dir, always)).toEqual([]);
});
