import { execa } from 'execa';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { connectEngine } from '../harness/lab/docker/engine.ts';
import { ofRun } from '../harness/lab/docker/labels.ts';
import { PROJECT_DIR } from '../harness/project.ts';
import { reportSchema } from '../verifier/report.ts';
import { freshRunId, labelOfRun, leftOf } from './testing/engine.ts';

/** `docker compose` in the project's folder, as a person types it. */
async function compose(env: Record<string, string>, ...args: string[]): Promise<string> {
  const { stdout } = await execa('docker', ['compose', ...args], { cwd: PROJECT_DIR, env });
  return stdout;
}

const portSchema = z.object({
  target: z.number(),
  host_ip: z.string().optional(),
  published: z.string().optional(),
});
const serviceSchema = z.object({
  image: z.string(),
  ports: z.array(portSchema).default([]),
  labels: z.record(z.string(), z.string()).default({}),
  restart: z.string().optional(),
  privileged: z.boolean().optional(),
});
const fileSchema = z.object({ services: z.record(z.string(), serviceSchema) });

/** Clears the tests' own variables: what a user gets who sets none. */
const BARE = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith('CDC_LAB_'))
    .map((name) => [name, '']),
);

describe('the compose file, with nothing set', () => {
  async function file() {
    const json = await compose(BARE, '--profile', '*', 'config', '--format', 'json');
    return Object.entries(fileSchema.parse(JSON.parse(json)).services);
  }

  it('names official images, each pinned by its version', async () => {
    const images = Object.fromEntries((await file()).map(([name, { image }]) => [name, image]));
    expect(images).toMatchObject({
      'pg-source': 'postgres:18.4-bookworm',
      'pg-sink': 'postgres:18.4-bookworm',
      kafka: 'apache/kafka:4.4.0',
      'connect-source': 'quay.io/debezium/connect:3.6.0.Final',
      'connect-sink': 'quay.io/debezium/connect:3.6.0.Final',
    });
    for (const image of Object.values(images)) expect(image).toMatch(/:\d+\.\d+/);
  });

  it('publishes on loopback only, and at no fixed port', async () => {
    const ports = (await file()).flatMap(([, service]) => service.ports);
    expect(ports.length).toBeGreaterThan(5);
    for (const port of ports) expect(port).toMatchObject({ host_ip: '127.0.0.1' });
    expect(ports.map(({ published }) => published ?? '').filter((published) => published !== '')).toEqual([]);
  });

  it('labels every service with its run, and restarts nothing automatically', async () => {
    for (const [name, service] of await file()) {
      expect(service.labels['cdc-lab.run'], name).toBe('compose');
      expect(service.restart ?? 'no', name).toBe('no');
      expect(service.privileged ?? false, name).toBe(false);
    }
  });

  it('takes images, ports and the password from variables', async () => {
    const set = {
      ...BARE,
      CDC_LAB_IMAGE_POSTGRES: 'one/postgres:1.0',
      CDC_LAB_IMAGE_CONNECT: 'one/connect:1.0',
      CDC_LAB_PORT_SOURCE: '15432',
      CDC_LAB_PASSWORD: 'another',
    };
    const text = await compose(set, '--profile', '*', 'config', '--format', 'json');
    const { services } = fileSchema.parse(JSON.parse(text));
    expect(services['pg-sink']?.image).toBe('one/postgres:1.0');
    expect(services['connect-source']?.image).toBe('one/connect:1.0');
    expect(services['connect-sink']?.image).toBe('one/connect:1.0');
    expect(services['pg-source']?.ports[0]?.published).toBe('15432');
    expect(text).toContain('"POSTGRES_PASSWORD": "another"');
  });
});

describe('docker compose up, and nothing else', () => {
  const run = freshRunId();
  const env = {
    COMPOSE_PROJECT_NAME: `cdc-lab-${run}`,
    CDC_LAB_RUN: run,
    CDC_LAB_PASSWORD: `secret-of-${run}`,
    ...Object.fromEntries(
      Object.entries(inject('images')).map(([name, image]) => [`CDC_LAB_IMAGE_${name.toUpperCase()}`, image]),
    ),
  };

  beforeAll(async () => {
    await compose(env, 'up', '--detach', '--no-build', '--quiet-pull');
  }, 300_000);

  afterAll(async () => {
    await compose(env, 'down', '--volumes', '--remove-orphans');
  }, 120_000);

  const portOf = async (service: string, inside: number): Promise<string> =>
    (await compose(env, 'port', service, String(inside))).trim();

  async function ask(service: string, path: string, body?: unknown): Promise<unknown> {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`http://${await portOf(service, 8083)}${path}`, { ...init, headers });
    expect(response.status).toBe(200);
    return response.json();
  }

  it('ends with both connectors running', async () => {
    for (const [service, name] of [
      ['capture', 'lab-source'],
      ['sink', 'lab-sink'],
    ] as const) {
      expect(await ask(service, `/connectors/${name}/status`)).toMatchObject({
        connector: { state: 'RUNNING' },
        tasks: [{ state: 'RUNNING' }],
      });
    }
  });

  it('ends with the sink equal to the source while the workload writes, as the verifier says', async () => {
    const verify = async () => reportSchema.parse(await ask('verifier', '/verify', { deadlineMs: 60_000 }));
    await expect
      .poll(async () => (await verify()).verdict, { timeout: 120_000, interval: 1_000 })
      .toMatch(/^(?:PASS|WARN)$/);
    const report = await verify();
    expect(report.coverage).toBe(1);
    expect(report.tables.map(({ table }) => table)).toContain('public.orders');
    for (const { sourceRows } of report.tables) expect(sourceRows).toBeGreaterThan(900);
  }, 200_000);

  it('keeps a ledger of what was committed', async () => {
    const ledger = await compose(env, 'exec', '-T', 'workload', 'cat', '/lab/ledger.ndjson');
    expect(ledger).toContain('"result":"ok"');
  });

  it('refuses connections without the password', async () => {
    const [host = '', port = ''] = (await portOf('pg-source', 5432)).split(':');
    const client = new pg.Client({ host, port: Number(port), user: 'postgres', password: 'cdc-lab' });
    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  it('binds to loopback only, and runs no process of the lab as root', async () => {
    const docker = await connectEngine();
    const containers = await docker.listContainers({ filters: ofRun(run) });
    expect(containers).toHaveLength(7);
    const bound = containers
      .flatMap(({ Ports }) => Ports)
      .filter(({ PublicPort }) => PublicPort !== undefined);
    expect(new Set(bound.map(({ IP }) => IP))).toEqual(new Set(['127.0.0.1']));
    for (const service of ['capture', 'sink', 'verifier', 'workload']) {
      const uid = await compose(env, 'exec', '-T', service, 'node', '-p', 'process.getuid()');
      expect(uid.trim(), service).toBe('1000');
    }
  });

  it('changes nothing when it is run once more', async () => {
    const ids = () => compose(env, 'ps', '--quiet');
    const before = await ids();
    await compose(env, 'up', '--detach', '--no-build');
    expect(await ids()).toBe(before);
  }, 120_000);

  it('leaves nothing behind after `down --volumes`', async () => {
    await compose(env, 'down', '--volumes');
    expect(await leftOf(await connectEngine(), labelOfRun(run))).toEqual([]);
  }, 120_000);
});

const connectImage = process.env.CDC_LAB_IMAGE_CONNECT ?? '';

describe.runIf(connectImage !== '')(`with docker/debezium.env, on ${connectImage}`, () => {
  const run = freshRunId();
  const env = {
    COMPOSE_PROJECT_NAME: `cdc-lab-${run}`,
    CDC_LAB_RUN: run,
    CDC_LAB_IMAGE_CONNECT: connectImage,
    CDC_LAB_PASSWORD: `secret-of-${run}`,
  };
  const debezium = (...args: string[]) => compose(env, '--env-file', 'docker/debezium.env', ...args);

  beforeAll(async () => {
    await debezium('up', '--detach', '--no-build', '--scale', 'workload=0');
  }, 300_000);

  afterAll(async () => {
    await debezium('down', '--volumes', '--remove-orphans');
  }, 120_000);

  /** A digest of a table's keys and versions on one side. */
  async function digest(service: string): Promise<unknown> {
    const [host = '', port = ''] = (await debezium('port', service, '5432')).trim().split(':');
    const password = env.CDC_LAB_PASSWORD;
    const client = new pg.Client({ host, port: Number(port), user: 'postgres', password, database: 'lab' });
    await client.connect();
    try {
      const { rows } = await client.query(
        `SELECT count(*)::int AS orders, md5(string_agg(id::text || version, ',' ORDER BY id::text)) AS content
         FROM orders`,
      );
      return rows[0];
    } finally {
      await client.end();
    }
  }

  it('each connector runs on its own Kafka Connect, and the sink gets what the source has', async () => {
    for (const [service, name] of [
      ['connect-source', 'lab-source'],
      ['connect-sink', 'lab-sink'],
    ] as const) {
      const connect = `http://${(await debezium('port', service, '8083')).trim()}`;
      const status: unknown = await (await fetch(`${connect}/connectors/${name}/status`)).json();
      expect(status).toMatchObject({ connector: { state: 'RUNNING' }, tasks: [{ state: 'RUNNING' }] });
    }
    const source = await digest('pg-source');
    expect(source).toMatchObject({ orders: 1000 });
    await expect
      .poll(() => digest('pg-sink').catch(() => null), { timeout: 120_000, interval: 500 })
      .toEqual(source);
  }, 180_000);

  it('has no worker of ours besides them', async () => {
    const running = (await debezium('ps', '--services')).trim().split('\n').sort();
    expect(running).toEqual(['connect-sink', 'connect-source', 'kafka', 'pg-sink', 'pg-source', 'verifier']);
  });
});
