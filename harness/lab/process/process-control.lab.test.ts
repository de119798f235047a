import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import type { Lab } from '../lab.ts';
import { RunFile } from '../state/run-file.ts';
import { labControl } from './process-control.ts';
import { markedProcesses } from './spawn.ts';

const TIMEOUT_MS = 180_000;

let parent: string;
beforeEach(() => {
  parent = makeTestFolder();
});
afterEach(async () => {
  for (const dir of ['a', 'b']) await labControl.clean(join(parent, dir));
  rmSync(parent, { recursive: true, force: true });
});

const upHere = (name: string, steps: string[] = []): Promise<Lab> =>
  labControl.up({
    dir: join(parent, name),
    rate: 0,
    seed: 1,
    withInstance: false,
    progress: (step) => steps.push(step),
  });

interface Elsewhere {
  readonly child: ChildProcess;
  /** Created with the process, since one that ends before anybody listens would be waited for for ever. */
  readonly exited: Promise<unknown>;
}

function upElsewhere(what: 'servers' | 'instance' | 'orphan', env: NodeJS.ProcessEnv = {}): Elsewhere {
  const script = join(import.meta.dirname, '../testing/up.ts');
  const child = spawn(process.execPath, [script, join(parent, 'a'), what], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  return { child, exited: once(child, 'exit') };
}

/** Reads a child's output up to the wanted line, or to its end. Only once per child: later output is lost. */
async function linesOf(child: ChildProcess, until: (line: string) => boolean): Promise<string[]> {
  const lines: string[] = [];
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (until(line)) break;
  }
  return lines;
}

async function killed({ child, exited }: Elsewhere): Promise<void> {
  child.kill('SIGKILL');
  await exited;
}

const processes = (name: string): string[] =>
  markedProcesses(join(parent, name))
    .map((process) => process.name)
    .sort();

const states = async (lab: Lab): Promise<Record<string, string>> =>
  Object.fromEntries((await lab.runtime.services()).map((service) => [service.name, service.state]));

const ALL_RUN = { 'pg-source': 'running', 'pg-sink': 'running', kafka: 'running' };

async function sql(lab: Lab, text: string, server = 'pg-source'): Promise<unknown[]> {
  const port = (await lab.runtime.services()).find((service) => service.name === server)?.port ?? 0;
  // The password comes from PGPASSWORD, which `up` and `open` set.
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres' });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test('a second up is a no-op, an up after down continues where it was, and clean leaves nothing', async () => {
  const steps: string[] = [];
  const lab = await upHere('a', steps);
  expect(await states(lab)).toEqual(ALL_RUN);
  expect(steps).toHaveLength(3);
  await sql(lab, 'CREATE TABLE kept AS SELECT 1 AS i');
  await sql(lab, "SELECT pg_create_logical_replication_slot('kept', 'pgoutput')");
  const before = readFileSync(join(lab.dir, 'run.json'), 'utf8');

  const nothing: string[] = [];
  await upHere('a', nothing);
  expect(nothing).toEqual([]);
  expect(readFileSync(join(lab.dir, 'run.json'), 'utf8')).toBe(before);

  const proofs = await labControl.down(lab.dir);
  expect(proofs.map((proof) => [proof.action, proof.evidence.connection])).toEqual(
    Array.from({ length: 3 }, () => ['stopped', 'refused']),
  );
  expect(processes('a')).toEqual([]);
  expect(await labControl.down(lab.dir)).toEqual([]);

  const again = await upHere('a');
  expect(again.runId).toBe(lab.runId);
  expect(await sql(again, 'SELECT i FROM kept')).toEqual([{ i: 1 }]);
  expect(await sql(again, 'SELECT slot_name FROM pg_replication_slots')).toEqual([{ slot_name: 'kept' }]);

  await labControl.clean(lab.dir);
  expect(processes('a')).toEqual([]);
  expect(existsSync(lab.dir)).toBe(false);
  expect(await labControl.open(lab.dir)).toBeUndefined();
}, 180_000);

test('dead and paused services run again after the next up', async () => {
  const lab = await upHere('a');
  await lab.runtime.kill?.('pg-source');
  await lab.runtime.pause?.('pg-sink');
  await lab.runtime.kill?.('kafka');
  expect(await states(lab)).toEqual({ 'pg-source': 'dead', 'pg-sink': 'paused', kafka: 'dead' });
  expect(await states(await upHere('a'))).toEqual(ALL_RUN);
  // A killed JVM leaves unpacked files behind, so they go to the lab's folder, which `clean` removes.
  const kafka = (await lab.runtime.services()).find(({ name }) => name === 'kafka');
  expect(readFileSync(`/proc/${kafka?.pid}/cmdline`, 'utf8')).toContain(`-Djava.io.tmpdir=${lab.dir}/`);
  await lab.runtime.pause?.('pg-sink');
  await labControl.down(lab.dir);
  expect(processes('a')).toEqual([]);
}, 180_000);

test('two folders hold two independent labs', async () => {
  const [a, b] = await Promise.all([upHere('a'), upHere('b')]);
  const ports = async (lab: Lab) => (await lab.runtime.services()).map((service) => service.port);
  expect(new Set([...(await ports(a)), ...(await ports(b))]).size).toBe(6);
  await labControl.clean(a.dir);
  expect(processes('a')).toEqual([]);
  expect(await states(b)).toEqual(ALL_RUN);
}, 180_000);

test('while one process brings a lab up, others are refused with its pid', async () => {
  const { child, exited } = upElsewhere('servers');
  await linesOf(child, (line) => line.includes('answers'));
  // Stop it, so that it holds the lab until all others have asked.
  child.kill('SIGSTOP');
  const refusal = expect.objectContaining({
    code: 'CDC-5112',
    message: expect.stringContaining(`pid ${child.pid}`),
  });
  try {
    await expect(upHere('a')).rejects.toEqual(refusal);
    await expect(labControl.down(join(parent, 'a'))).rejects.toEqual(refusal);
    await expect(labControl.clean(join(parent, 'a'))).rejects.toEqual(refusal);
  } finally {
    child.kill('SIGCONT');
  }
  await exited;
}, 180_000);

/** Milliseconds after the start of an `up`. What is under way then differs from machine to machine, as it should. */
test.each([
  [300, 'up'],
  [700, 'down'],
  [900, 'clean'],
  [1_300, 'up'],
  [1_800, 'clean'],
  [2_500, 'down'],
] as const)(
  'an up that is killed after %i ms is repaired by %s',
  async (moment, command) => {
    const up = upElsewhere('servers');
    await sleep(moment);
    await killed(up);
    const dir = join(parent, 'a');
    if (command === 'up') expect(await states(await upHere('a'))).toEqual(ALL_RUN);
    if (command === 'down') await labControl.down(dir);
    if (command === 'clean') await labControl.clean(dir);
    const recorded = Object.values(new RunFile(dir).read()?.services ?? {});
    const alive = recorded.filter((record) => record.process !== null).map((record) => record.spec.name);
    // PostgreSQL's backends overwrite their environment, so only the recorded processes are marked.
    expect([...new Set(processes('a'))]).toEqual(alive.sort());
    expect(alive).toHaveLength(command === 'up' ? 3 : 0);
  },
  TIMEOUT_MS,
);

test('an up that fails half way stops what it had started, and says why', async () => {
  const lab = await upHere('a');
  await labControl.down(lab.dir);
  const port = (await lab.runtime.services()).find(({ name }) => name === 'pg-sink')?.port ?? 0;
  const occupant = createServer();
  await new Promise<void>((resolve) => occupant.listen(port, '127.0.0.1', resolve));
  await expect(upHere('a')).rejects.toMatchObject({
    code: 'CDC-5103',
    message: `Port ${port} of pg-sink is taken by another process.`,
  });
  expect(processes('a')).toEqual([]);
  await new Promise((resolve) => occupant.close(resolve));
}, 180_000);

// Many containers forbid user namespaces.
const userNamespaces = spawnSync('unshare', ['--user', 'true']).status === 0;

test.skipIf(!userNamespaces)(
  'below a private folder, PostgreSQL runs in a user namespace',
  async () => {
    chmodSync(parent, 0o700);
    const lab = await upHere('a');
    expect(await sql(lab, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  },
  180_000,
);

test('without Java nothing is left half started, and the error says so', async () => {
  const { child } = upElsewhere('servers', { PATH: '/nonexistent' });
  const said = (await linesOf(child, () => false)).join('\n');
  expect(said).toMatch(/Java is not installed|Cannot start kafka: java is not installed/);
  expect(processes('a')).toEqual([]);
}, 180_000);
