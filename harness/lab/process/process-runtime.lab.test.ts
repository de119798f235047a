import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { poll } from '../../wait.ts';
import { freePorts } from '../services/ports.ts';
import {
  environmentOf,
  identify,
  type ProcessIdentity,
  readStat,
  signalProcess,
} from '../state/process-table.ts';
import type { ServiceRecord } from '../state/run-file.ts';
import { preparePostgres } from './postgres-service.ts';
import { isStopped } from './process-tree.ts';
import { SERVICE_VARIABLE } from './spawn.ts';
import { type TemporaryLab, temporaryLab } from './testing/temporary-lab.ts';

const stateOf = async (lab: TemporaryLab, name: string) =>
  (await lab.runtime.services()).find((service) => service.name === name)?.state;

const pidOf = (lab: TemporaryLab, name: string): number => {
  const pid = lab.runFile.read()?.services[name]?.process?.pid;
  if (pid === undefined) throw new Error(`${name} has no process`);
  return pid;
};

test('a service is killed with its children and its port refuses; started again, it has the same port', async () => {
  await using lab = temporaryLab();
  const spec = await lab.stub('stub');
  await lab.runtime.launch(spec);
  const child = Number(await (await fetch(`http://127.0.0.1:${spec.port}/`)).text());
  expect(await stateOf(lab, 'stub')).toBe('running');

  const killed = await lab.runtime.kill('stub');
  expect(killed.evidence).toMatchObject({ gone: true, connection: 'refused' });
  expect(killed.evidence.pids).toEqual([pidOf(lab, 'stub'), child]);
  expect(identify(child)).toBeUndefined();
  expect(await stateOf(lab, 'stub')).toBe('dead');
  await expect(lab.runtime.kill('stub')).rejects.toMatchObject({ code: 'CDC-5117' });

  const started = await lab.runtime.start('stub');
  expect(started.evidence.firstAnswer).toBe('HTTP 200');
  expect((await fetch(`http://127.0.0.1:${spec.port}/`)).status).toBe(200);
});

test('a paused service has every process stopped and does not answer; resumed, it answers', async () => {
  await using lab = temporaryLab();
  const spec = await lab.stub('stub');
  await lab.runtime.launch(spec);
  const child = Number(await (await fetch(`http://127.0.0.1:${spec.port}/`)).text());

  const paused = await lab.runtime.pause('stub');
  expect(Object.values(paused.evidence.states as Record<string, string>)).toEqual(['T', 'T']);
  expect(isStopped(child)).toBe(true);
  expect(await stateOf(lab, 'stub')).toBe('paused');
  const asked = fetch(`http://127.0.0.1:${spec.port}/`, { signal: AbortSignal.timeout(200) });
  await expect(asked).rejects.toThrow(/timeout/);

  const resumed = await lab.runtime.resume('stub');
  expect(resumed.evidence.firstAnswer).toBe('HTTP 200');
  expect(isStopped(child)).toBe(false);
});

test('a paused service can be stopped, killed and forgotten', async () => {
  await using lab = temporaryLab();
  const spec = await lab.stub('stub');
  await lab.runtime.launch(spec);
  await lab.runtime.pause('stub');
  expect((await lab.runtime.stop('stub')).evidence).toMatchObject({ gone: true, connection: 'refused' });
  expect(await stateOf(lab, 'stub')).toBe('stopped');
  await lab.runtime.start('stub');
  await lab.runtime.pause('stub');
  expect((await lab.runtime.kill('stub')).evidence).toMatchObject({ gone: true });
  await lab.runtime.forget('stub');
  await expect(lab.runtime.start('stub')).rejects.toMatchObject({ code: 'CDC-5116' });
});

test('a service that ignores its stop signal is killed', async () => {
  await using lab = temporaryLab();
  await lab.runtime.launch(await lab.stub('stub', '--ignore-sigterm'));
  const stopped = await lab.runtime.stop('stub');
  expect(stopped.evidence).toMatchObject({ gone: true, how: expect.stringContaining('SIGKILL') });
});

test('the error of a service that ends while starting has its last log lines, and nothing is left of it', async () => {
  await using lab = temporaryLab();
  const spec = await lab.stub('stub', '--fail');
  await expect(lab.runtime.launch(spec)).rejects.toMatchObject({
    code: 'CDC-5104',
    message: expect.stringMatching(/exit code 3[\s\S]*first line of trouble\nthe disk is on fire$/),
  });
  expect(await stateOf(lab, 'stub')).toBe('stopped');
});

test('a service whose port is taken is not started, and the port is named', async () => {
  await using lab = temporaryLab();
  const spec = await lab.stub('stub');
  const occupant = createServer();
  await new Promise<void>((resolve) => occupant.listen(spec.port ?? 0, '127.0.0.1', resolve));
  await expect(lab.runtime.launch(spec)).rejects.toMatchObject({
    code: 'CDC-5103',
    message: expect.stringContaining(String(spec.port)),
  });
  await new Promise((resolve) => occupant.close(resolve));
});

const otherOf = (record: ServiceRecord, process: ProcessIdentity): ServiceRecord => ({
  ...record,
  spec: { ...record.spec, name: 'other' },
  process: { ...process, startTicks: '1' },
});

test('a recorded process whose pid was reused is dead, and the process with that pid is left alone', async () => {
  await using lab = temporaryLab();
  const spec = await lab.stub('stub');
  await lab.runtime.launch(spec);
  const bystander = pidOf(lab, 'stub');
  await lab.runFile.update((run) => {
    const record = run.services.stub;
    if (record?.process != null) run.services.other = otherOf(record, record.process);
  });
  expect(await stateOf(lab, 'other')).toBe('dead');
  await expect(lab.runtime.kill('other')).rejects.toMatchObject({ code: 'CDC-5117' });
  await expect(lab.runtime.pause('other')).rejects.toMatchObject({ code: 'CDC-5117' });
  expect(identify(bystander)).toBeDefined();
  expect(isStopped(bystander)).toBe(false);
});

test('a process without a record, because its starter died before writing one, is killed', async () => {
  await using lab = temporaryLab();
  await lab.runtime.launch(await lab.stub('known'));
  const stray = await lab.stub('stray');
  await lab.runtime.launch(stray);
  const pid = pidOf(lab, 'stray');
  await lab.runtime.forget('stray');
  expect(await lab.runtime.killUnrecorded()).toContain(pid);
  expect(identify(pid)).toBeUndefined();
  expect(await stateOf(lab, 'known')).toBe('running');
  expect(await lab.runtime.killUnrecorded()).toEqual([]);
});

async function launchPostgres(lab: TemporaryLab): Promise<{ port: number; dataDir: string }> {
  const [port = 0] = await freePorts(1);
  const dataDir = join(lab.dir, 'data', 'pg');
  const log = join(lab.dir, 'pg.log');
  const options = { name: 'pg', stateDir: lab.dir, dataDir, log, port, password: 'secret' };
  await lab.runtime.launch(await preparePostgres(options));
  return { port, dataDir };
}

async function connect(port: number): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password: 'secret' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

test('PostgreSQL: a pause stops the backends too, and a killed server recovers what was committed', async () => {
  await using lab = temporaryLab();
  const { port } = await launchPostgres(lab);
  const client = await connect(port);
  await client.query('CREATE TABLE t AS SELECT 1 AS i');
  const backend = Number((await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid);

  const paused = await lab.runtime.pause('pg');
  expect(paused.evidence.pids).toContain(backend);
  let answered = false;
  const query = client.query('SELECT 2 AS i').then((result) => {
    answered = true;
    return result.rows[0].i;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(answered).toBe(false);
  await lab.runtime.resume('pg');
  expect(await query).toBe(2);

  const killed = await lab.runtime.kill('pg');
  expect(killed.evidence.pids).toContain(backend);
  await lab.runtime.start('pg');
  const again = await connect(port);
  expect((await again.query('SELECT i FROM t')).rows).toEqual([{ i: 1 }]);
  await again.end();
});

test('PostgreSQL: backends that outlive a killed postmaster do not block the next one', async () => {
  await using lab = temporaryLab();
  const { port } = await launchPostgres(lab);
  const client = await connect(port);
  const backend = Number((await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid);
  // Stopped, so that it cannot notice.
  signalProcess(backend, 'SIGSTOP');
  const postmaster = pidOf(lab, 'pg');
  signalProcess(postmaster, 'SIGKILL');
  await poll(() => (identify(postmaster) === undefined ? true : undefined), {
    withinMs: 10_000,
    everyMs: 10,
    maxEveryMs: 200,
  });
  const started = await lab.runtime.start('pg');
  expect(started.evidence.firstAnswer).toMatch(/^PostgreSQL 18/);
  expect(identify(backend)).toBeUndefined();
});

test('PostgreSQL: it listens on loopback with a password, does not run as root, and does not get the password', async () => {
  await using lab = temporaryLab();
  const { port, dataDir } = await launchPostgres(lab);
  const wrong = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password: 'guess' });
  await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' });
  const pid = pidOf(lab, 'pg');
  expect(readFileSync(`/proc/${pid}/status`, 'utf8')).not.toMatch(/^Uid:\s+0\s/m);
  expect(environmentOf(pid, SERVICE_VARIABLE)).toBe(`${lab.dir}#pg`);
  expect(environmentOf(pid, 'PGPASSWORD')).toBeUndefined();
  const listening = readFileSync('/proc/net/tcp', 'utf8').concat(readFileSync('/proc/net/tcp6', 'utf8'));
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const bound = [...listening.matchAll(new RegExp(`: ([0-9A-F]+):${hex} \\S+ 0A`, 'g'))].map(
    ([, host]) => host,
  );
  expect(bound).toEqual(['0100007F']);
  expect(readFileSync(lab.runFile.path, 'utf8')).not.toContain('"secret"');
  expect(readStat(pid)).toBeDefined();
  expect(dataDir).toContain(lab.dir);
});
