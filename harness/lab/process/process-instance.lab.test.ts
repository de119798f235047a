import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';
import { poll } from '../../wait.ts';
import type { Instance, InstanceSpec, Lab } from '../lab.ts';
import { labControl } from './process-control.ts';
import { markedProcesses } from './spawn.ts';

const TIMEOUT_MS = 180_000;
const spec = (name: string): InstanceSpec => ({
  name,
  source: { file: 'source' },
  sink: { file: 'sink' },
  verifyEveryMs: null,
  seedRows: 20,
  seed: 7,
});

let parent: string;
let lab: Lab;
const up = (): Promise<Lab> =>
  labControl.up({ dir: join(parent, 'a'), rate: 0, seed: 1, withInstance: false, progress: () => undefined });

beforeAll(async () => {
  parent = makeTestFolder();
  lab = await up();
}, TIMEOUT_MS);
afterAll(async () => {
  await labControl.clean(join(parent, 'a'));
  rmSync(parent, { recursive: true, force: true });
}, TIMEOUT_MS);

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Everything on the servers and on disk that carries an instance's name. */
async function tracesOf(instance: Instance, name: string): Promise<unknown[]> {
  const traces: unknown[] = [];
  for (const url of [instance.sourceUrl, instance.sinkUrl]) {
    const server = new URL(url);
    server.pathname = '/postgres';
    traces.push(...(await query(server.href, `SELECT datname FROM pg_database WHERE datname = '${name}'`)));
    traces.push(...(await query(server.href, 'SELECT slot_name FROM pg_replication_slots')));
  }
  const admin = quietKafka({ brokers: [...instance.bootstrapServers] }).admin();
  await admin.connect();
  try {
    traces.push(...(await admin.listTopics()).filter((topic) => topic.includes(name)));
    traces.push(
      ...(await admin.listGroups()).groups.map((group) => group.groupId).filter((id) => id.includes(name)),
    );
  } finally {
    await admin.disconnect();
  }
  if (existsSync(instance.dir)) traces.push(...readdirSync(instance.dir));
  const marked = markedProcesses(lab.dir).map((process) => process.name);
  return traces.concat(marked.filter((service) => service.endsWith(`@${name}`)));
}

async function sinkRows(instance: Instance): Promise<number | undefined> {
  const [exists] = await query(instance.sinkUrl, `SELECT to_regclass('public.customers') IS NOT NULL AS yes`);
  if (exists?.yes !== true) return undefined;
  const [row] = await query(instance.sinkUrl, 'SELECT count(*)::int AS n FROM customers');
  return Number(row?.n) >= 20 ? Number(row?.n) : undefined;
}

test('an instance carries rows from source to sink, runs workloads, and leaves nothing behind', async () => {
  const instance = await lab.createInstance(spec('first'));
  expect(await poll(() => sinkRows(instance), { withinMs: 60_000, everyMs: 10, maxEveryMs: 200 })).toBe(20);
  expect((await lab.instance('first'))?.slot).toBe(instance.slot);
  await expect(lab.createInstance(spec('first'))).rejects.toMatchObject({ code: 'CDC-5126' });

  const workload = await instance.startWorkload({ kind: 'insert-only', rate: 0, seed: 3, transactions: 5 });
  expect(await workload.finished).toEqual({ committed: 5, failed: 0, unknown: 0 });
  const endless = await instance.startWorkload({ kind: 'mixed', rate: 50, seed: 4, transactions: null });
  const ledger = await poll(() => (existsSync(instance.ledgerPath) ? true : undefined), {
    withinMs: 20_000,
    everyMs: 10,
    maxEveryMs: 200,
  });
  expect(ledger).toBe(true);
  expect((await endless.stop()).failed).toBe(0);

  expect((await tracesOf(instance, 'first')).length).toBeGreaterThan(5);
  await instance[Symbol.asyncDispose]();
  await instance[Symbol.asyncDispose]();
  expect(await tracesOf(instance, 'first')).toEqual([]);
  expect(await lab.instance('first')).toBeUndefined();
}, 180_000);

test('an instance that cannot be built is dropped', async () => {
  const broken = { ...spec('broken'), sink: { file: 'sink', overrides: { 'insert.mode': 'upsret' } } };
  await expect(lab.createInstance(broken)).rejects.toThrow(/insert\.mode/);
  expect(await lab.instance('broken')).toBeUndefined();
  expect((await lab.runtime.services()).map((service) => service.name).sort()).toEqual([
    'kafka',
    'pg-sink',
    'pg-source',
  ]);
}, 180_000);

test('the next up drops the instance of a run that was killed', async () => {
  const script = join(import.meta.dirname, '../testing/up.ts');
  const child: ChildProcess = spawn(process.execPath, [script, lab.dir, 'orphan'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface(child.stdout)) if (line === 'up') break;
  const instance = await lab.instance('orphan');
  if (instance === undefined) throw new Error('the other process made no instance');
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  expect((await tracesOf(instance, 'orphan')).length).toBeGreaterThan(5);
  await up();
  expect(await tracesOf(instance, 'orphan')).toEqual([]);
}, 180_000);
