import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { freshRunId, labelOfRun, leftOf } from '../../docker/testing/engine.ts';
import { reportSchema } from '../../verifier/report.ts';
import { connectEngine } from '../lab/docker/engine.ts';
import { RunFile } from '../lab/state/run-file.ts';
import { PROJECT_DIR } from '../project.ts';
import { until } from '../wait.ts';

const UP_MS = 300_000;
let dir = '';
let runId = '';
/** Service and port, as `up` said first. */
let addresses: string[] = [];

const upSchema = z.object({
  services: z.array(z.object({ name: z.string(), state: z.string(), port: z.number().nullable() })),
});

/** A bigint is text. */
const countSchema = z.object({ rows: z.array(z.object({ n: z.string() })) });

async function lab(...args: string[]) {
  const all = [...args, '--dir', dir];
  return execa(join(PROJECT_DIR, 'bin/cdc-lab'), all, { reject: false, cwd: PROJECT_DIR });
}

async function up(...args: string[]) {
  const { stdout, stderr, exitCode } = await lab('up', '--json', ...args);
  expect(exitCode, stderr).toBe(0);
  return upSchema.parse(JSON.parse(stdout)).services;
}

beforeAll(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'cdc-lab-docker-cli-')), 'lab');
});

afterAll(async () => {
  await lab('clean');
  await rm(join(dir, '..'), { recursive: true, force: true });
}, 120_000);

describe('cdc-lab --runtime docker', () => {
  it('brings the compose file up, with a pipeline that writes', { timeout: UP_MS }, async () => {
    const services = await up('--runtime', 'docker', '--rate', '20');
    addresses = services.map(({ name, port }) => `${name} ${port}`);
    runId = new RunFile(dir).read()?.runId ?? '';
    expect(services.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'capture@lab running',
      'kafka running',
      'pg-sink running',
      'pg-source running',
      'sink@lab running',
      'verifier@lab running',
      'workload@lab running',
    ]);
  });

  it('says by its status that nothing is lost', { timeout: 120_000 }, async () => {
    const { stdout, stderr, exitCode } = await lab('status', '--json', '--deadline', '60');
    expect(exitCode, stderr).toBe(0);
    const report = reportSchema.parse(JSON.parse(stdout));
    expect(report.coverage).toBe(1);
    expect(report.tables).toHaveLength(4);
  });

  it('remembers its runtime, and refuses another one', { timeout: UP_MS }, async () => {
    const before = await lab('logs', 'capture', '-n', '500');
    expect(before.stdout).toContain('worker is ready');
    const other = await lab('up', '--runtime', 'process');
    expect(other.exitCode).toBe(69);
    expect(other.stderr).toContain('CDC-5210');
  });

  it('does a lesson on the running pipeline, which is whole again afterwards', {
    timeout: UP_MS,
  }, async () => {
    const triggered = await lab('trigger', 'restart', '--json');
    expect(triggered.exitCode, triggered.stderr).toBe(0);
    expect(triggered.stdout).toContain('"exitCode": 137');
    const { exitCode, stdout } = await lab('status', '--deadline', '60');
    expect(exitCode, stdout).toBe(0);
  });

  it('stops with its data kept, comes up again at the same addresses, and writes on', {
    timeout: UP_MS,
  }, async () => {
    const count = async (what: string) => {
      const { stdout, stderr, exitCode } = await lab(
        'sql',
        'source',
        `SELECT count(*) AS n FROM ${what}`,
        '--json',
      );
      expect(exitCode, stderr).toBe(0);
      return Number(countSchema.parse(JSON.parse(stdout)).rows[0]?.n);
    };
    // Rows that are lost would be seeded again, but not this one.
    const marked = `customers WHERE email = 'kept@example.org'`;
    const insert = `INSERT INTO customers (id, email, name)
                    VALUES (gen_random_uuid(), 'kept@example.org', 'of before the stop')`;
    expect((await lab('sql', 'source', insert)).exitCode).toBe(0);
    expect(await count(marked)).toBe(1);
    expect((await lab('down')).exitCode).toBe(0);
    const services = await up('--no-writer');
    // The workload was stopped, and is not asked for.
    expect(services.find(({ name }) => name === 'workload@lab')?.state).toBe('stopped');
    expect(services.map(({ name, port }) => `${name} ${port}`)).toEqual(addresses);
    expect(await count(marked)).toBe(1);
    const stopped = await count('orders');
    expect(await count('orders')).toBe(stopped);
    await up('--rate', '20');
    await until(async () => (await count('orders')) > stopped, {
      ...{ what: `more than ${stopped} orders`, withinMs: 60_000, everyMs: 500 },
    });
    const { exitCode, stdout } = await lab('status', '--deadline', '60');
    expect(exitCode, stdout).toBe(0);
  });

  it('is removed by clean, and what is of another run stays', { timeout: 120_000 }, async () => {
    const docker = await connectEngine();
    const other = freshRunId();
    await docker.createVolume({ Name: other, Labels: { 'cdc-lab.run': other } });
    try {
      expect(await leftOf(docker, labelOfRun(runId))).not.toEqual([]);
      expect((await lab('clean')).exitCode).toBe(0);
      expect(await leftOf(docker, labelOfRun(runId))).toEqual([]);
      expect(await leftOf(docker, labelOfRun(other))).toEqual([`volume ${other}`]);
    } finally {
      await docker.getVolume(other).remove();
    }
  });
});
