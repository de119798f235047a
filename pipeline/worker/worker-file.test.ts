import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { WorkerFile } from './options.ts';
import { LabWorker } from './testing/lab-worker.ts';

const SOURCE = { 'connector.class': 'FakeSource' };
const SINK = { 'connector.class': 'FakeSink', 'tasks.max': '2' };

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

async function contextOf(lab: LabWorker, config = SOURCE) {
  await lab.worker.create('a', config, 'STARTED');
  await lab.settled('a');
  return (config === SOURCE ? lab.source : lab.sink).task.context;
}

/** Per key: values other than the default, and what they change. The type demands an entry for every key. */
const EFFECTS: Readonly<
  Record<
    keyof WorkerFile,
    readonly [values: () => Promise<Partial<WorkerFile>>, effect: (lab: LabWorker) => Promise<void>]
  >
> = {
  workerId: [
    async () => ({ workerId: 'other' }),
    async (lab) => {
      await contextOf(lab);
      expect(lab.worker.connector('a').status().connector.worker_id).toBe('other');
    },
  ],
  host: [
    async () => ({ host: '0.0.0.0', names: ['capture'] }),
    async (lab) => {
      await lab.listen();
      expect(lab.app.server.address()).toMatchObject({ address: '0.0.0.0' });
    },
  ],
  names: [
    async () => ({ names: ['capture'] }),
    async (lab) => {
      const { statusCode } = await lab.app.inject({ url: '/', headers: { host: 'capture:8083' } });
      expect(statusCode).toBe(200);
    },
  ],
  port: [
    async () => ({ port: await freePort() }),
    async (lab) => expect(new URL(await lab.listen()).port).toBe(String(lab.file.port)),
  ],
  bootstrapServers: [
    async () => ({ bootstrapServers: ['127.0.0.1:1'] }),
    async (lab) => expect((await contextOf(lab)).bootstrapServers).toEqual(['127.0.0.1:1']),
  ],
  stateDir: [
    async () => ({ stateDir: await mkdtemp(join(tmpdir(), 'worker-file-')) }),
    async (lab) => {
      await contextOf(lab);
      expect(existsSync(join(lab.stateDir, 'connectors.json'))).toBe(true);
    },
  ],
  offsetsTopic: [
    async () => ({ offsetsTopic: 'other' }),
    async (lab) => expect((await contextOf(lab)).offsetsTopic).toBe('other'),
  ],
  tasks: [
    async () => ({ tasks: { id: 1, of: 2 } }),
    async (lab) => expect((await contextOf(lab, SINK)).taskId).toBe(1),
  ],
  stopDeadlineMs: [
    async () => ({ stopDeadlineMs: 7 }),
    async (lab) => {
      await contextOf(lab);
      lab.source.task.stopping = new Promise(() => {});
      await lab.worker.connector('a').restart();
      expect(lab.worker.connector('a').status().tasks[0]?.trace).toContain('did not stop within 7 ms');
    },
  ],
  health: [
    async () => ({ health: { lagEvents: 1, lagMs: 2, stalledAfterMs: 3 } }),
    async (lab) =>
      expect((await contextOf(lab)).healthBounds).toEqual({ lagEvents: 1, lagMs: 2, stalledAfterMs: 3 }),
  ],
};

test.each(Object.entries(EFFECTS))(
  'the key %s of the worker’s file has an effect',
  async (_key, [values, effect]) => {
    await using lab = await LabWorker.start(await values());
    await effect(lab);
  },
);
