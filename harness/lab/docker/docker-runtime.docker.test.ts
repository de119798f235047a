import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freshRunId, labelOfRun, leftOf } from '../../../docker/testing/engine.ts';
import { withDatabase } from '../../../fixtures/database.ts';
import { freePorts } from '../services/ports.ts';
import { DockerRuntime } from './docker-runtime.ts';
import { connectEngine } from './engine.ts';
import { LABELS } from './labels.ts';
import { removeRun } from './launch.ts';

const PASSWORD = 'none of anybody’s business';
const docker = await connectEngine();
const mine = freshRunId();
const others = freshRunId();
const runtime = new DockerRuntime(docker, mine, PASSWORD);
let port = 0;

/** A server of a run: its own network, a volume for its data, a published port. */
async function startServer(runId: string, service: string, hostPort: number): Promise<string> {
  const labels = { [LABELS.run]: runId };
  await docker.createNetwork({ Name: runId, Labels: labels });
  await docker.createVolume({ Name: `${runId}-data`, Labels: labels });
  const container = await docker.createContainer({
    name: `${runId}-${service}`,
    Image: inject('images').postgres,
    Env: [`POSTGRES_PASSWORD=${PASSWORD}`],
    Labels: {
      ...labels,
      [LABELS.service]: service,
      [LABELS.kind]: 'postgres',
      [LABELS.port]: '5432',
      [LABELS.alias]: service,
    },
    ExposedPorts: { '5432/tcp': {} },
    HostConfig: {
      NetworkMode: runId,
      Mounts: [{ Type: 'volume', Source: `${runId}-data`, Target: '/var/lib/postgresql' }],
      PortBindings: { '5432/tcp': [{ HostIp: '127.0.0.1', HostPort: String(hostPort) }] },
    },
    NetworkingConfig: { EndpointsConfig: { [runId]: { Aliases: [service] } } },
  });
  await container.start();
  return container.id;
}

function query(sql: string): Promise<unknown[]> {
  const url = `postgres://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`;
  return withDatabase(url, async (client) => (await client.query(sql)).rows);
}

const now = async () => (await runtime.services()).find(({ name }) => name === 'pg-source');

let foreign = '';
let foreignPid = 0;
let foreignSince = '';

beforeAll(async () => {
  const [own = 0, other = 0] = await freePorts(2);
  port = own;
  await startServer(mine, 'pg-source', own);
  foreign = await startServer(others, 'pg-source', other);
  ({ Pid: foreignPid, StartedAt: foreignSince } = (await docker.getContainer(foreign).inspect()).State);
  await runtime.start('pg-source');
  // Committed before anything is broken, so it must be there afterwards.
  await query('CREATE TABLE kept AS SELECT 42 AS answer');
}, 120_000);

afterAll(async () => {
  await removeRun(docker, mine);
  await removeRun(docker, others);
}, 60_000);

describe('a service in a container', () => {
  it('is listed with its state, port and pid, and only if it belongs to this run', async () => {
    const services = await runtime.services();
    expect(services.map(({ name }) => name)).toEqual(['pg-source']);
    expect(services[0]).toMatchObject({ kind: 'postgres', state: 'running', port, connected: true });
    expect(services[0]?.pid).toBeGreaterThan(1);
  });

  it('is dead and refuses connections after a kill, and is started again with its port and data', async () => {
    const killed = await runtime.kill('pg-source');
    expect(killed).toMatchObject({
      action: 'killed',
      evidence: { gone: true, exitCode: 137, connection: 'refused' },
    });
    expect(await now()).toMatchObject({ state: 'dead', pid: null, port });
    const started = await runtime.start('pg-source');
    expect(started.evidence.firstAnswer).toMatch(/^PostgreSQL 18/);
    expect(started.evidence.pid).not.toBe(killed.evidence.pid);
    expect(await query('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('does not answer while it is paused, and resumes as the same process', async () => {
    const before = await now();
    const paused = await runtime.pause('pg-source');
    expect(paused.evidence).toMatchObject({
      state: 'paused',
      answer: expect.stringContaining('none within'),
    });
    expect(await now()).toMatchObject({ state: 'paused', pid: before?.pid });
    expect((await runtime.resume('pg-source')).evidence.firstAnswer).toMatch(/^PostgreSQL/);
    expect(await now()).toMatchObject({ state: 'running', pid: before?.pid });
  });

  it('cannot be reached while it is cut off, though it runs, and has its name when it is back', async () => {
    const before = await now();
    const cut = await runtime.disconnect('pg-source');
    expect(cut.evidence).toMatchObject({
      network: mine,
      networks: [],
      answer: expect.stringContaining('none'),
    });
    expect(await now()).toMatchObject({ state: 'running', connected: false, pid: before?.pid });
    const back = await runtime.connect('pg-source');
    expect(back.evidence.firstAnswer).toMatch(/^PostgreSQL/);
    expect(await now()).toMatchObject({ state: 'running', connected: true, pid: before?.pid });
    const [container] = await docker.listContainers({ filters: { label: [labelOfRun(mine)] } });
    const details = await docker.getContainer(container?.Id ?? '').inspect();
    const { Aliases } = (details.NetworkSettings.Networks[mine] ?? {}) as { Aliases?: string[] };
    expect(Aliases).toContain('pg-source');
  });

  it('stops on its stop signal, and a restart gives another process behind the same port', async () => {
    const restarted = await runtime.restart('pg-source');
    expect(restarted.evidence).toMatchObject({ how: 'its stop signal' });
    expect(restarted.evidence.pid).not.toBe(restarted.evidence.pidBefore);
    expect(await query('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(await runtime.stop('pg-source')).toMatchObject({ evidence: { gone: true, exitCode: 0 } });
    expect(await now()).toMatchObject({ state: 'stopped' });
    expect((await runtime.stop('pg-source')).evidence.how).toBe('it did not run');
    await runtime.start('pg-source');
  });

  it('has a log without the password', async () => {
    const log = await runtime.readLog('pg-source', 200);
    expect(log).toContain('database system is ready to accept connections');
    expect(log).not.toContain(PASSWORD);
  });

  it('that the run does not have is an error that names those it does have', async () => {
    await expect(runtime.kill('kafka')).rejects.toMatchObject({
      code: 'CDC-5203',
      remedy: expect.stringContaining('pg-source'),
    });
  });
});

describe('what belongs to another run', () => {
  it('has a service of the same name, which was never touched', async () => {
    const { State } = await docker.getContainer(foreign).inspect();
    expect(State).toMatchObject({ Status: 'running', Pid: foreignPid, StartedAt: foreignSince });
  });

  it('stays when this run is removed, of which nothing is left', async () => {
    expect(await leftOf(docker, labelOfRun(mine))).toHaveLength(3);
    await removeRun(docker, mine);
    expect(await leftOf(docker, labelOfRun(mine))).toEqual([]);
    expect(await leftOf(docker, labelOfRun(others))).toHaveLength(3);
    const after = (await docker.getContainer(foreign).inspect()).State;
    expect(after).toMatchObject({ Pid: foreignPid, StartedAt: foreignSince, Running: true });
    // Once more: nothing is left to do, which is no error.
    await removeRun(docker, mine);
  });
});
