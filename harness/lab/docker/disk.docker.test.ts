import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshRunId, labelOfRun, leftOf } from '../../../docker/testing/engine.ts';
import { withDatabase } from '../../../fixtures/database.ts';
import { FULL_BELOW_BYTES } from '../runtime.ts';
import { freePorts } from '../services/ports.ts';
import { compose } from './compose.ts';
import { diskLimit, fillDisk } from './disk.ts';
import { DockerRuntime } from './docker-runtime.ts';
import { connectEngine } from './engine.ts';
import { removeRun } from './launch.ts';

const PASSWORD = 'of this test';
const MB = 1024 * 1024;
const docker = await connectEngine();
const run = freshRunId();
const runtime = new DockerRuntime(docker, run, PASSWORD, true);
let port = 0;

function query(sql: string): Promise<unknown[]> {
  const url = `postgres://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`;
  return withDatabase(url, async (client) => (await client.query(sql)).rows);
}

/** About 8 MB in new blocks: more than a full disk has, less than a segment of the write-ahead log. */
const WRITE = `INSERT INTO kept SELECT n, repeat(md5(n::text), 50) FROM generate_series(1, 5000) AS n`;

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  const env = { CDC_LAB_RUN: run, CDC_LAB_PASSWORD: PASSWORD, CDC_LAB_PORT_SINK: String(port) };
  const project = { name: `cdc-lab-${run}`, env, diskLimit: '192m' };
  await compose(project, ['up', '--detach', '--no-build', '--wait', 'pg-sink']);
  await runtime.start('pg-sink');
  await query('CREATE TABLE kept (id int, filler text)');
  await query("INSERT INTO kept VALUES (0, 'before')");
}, 120_000);

afterAll(async () => {
  await removeRun(docker, run);
}, 60_000);

describe('a disk of limited size', () => {
  it('has the size that was asked for, and is the only kind that can be filled', async () => {
    expect(await diskLimit(docker, run)).toBe('192m');
    const { sizeBytes, freeBytes } = (await runtime.roomOf?.('pg-sink')) ?? { sizeBytes: 0, freeBytes: 0 };
    expect(sizeBytes).toBe(192 * MB);
    expect(freeBytes).toBeGreaterThan(16 * MB);
    // The container that keeps the volumes mounted is not a service.
    expect((await runtime.services()).map(({ name }) => name)).toEqual(['pg-sink']);
    const plain = new DockerRuntime(docker, run, PASSWORD);
    expect([plain.roomOf, plain.fillDisk, plain.freeDisk]).toEqual([undefined, undefined, undefined]);
    await expect(fillDisk(docker, freshRunId(), 'pg-sink')).rejects.toMatchObject({ code: 'CDC-5212' });
  });

  it('is full after the fault, and PostgreSQL reports it', async () => {
    const filled = await runtime.fillDisk?.('pg-sink');
    expect(filled).toMatchObject({
      action: 'disk filled',
      evidence: { sizeBytes: 192 * MB, said: expect.stringContaining('No space left on device') },
    });
    expect(filled?.evidence.freeAfter).toBeLessThan(FULL_BELOW_BYTES);
    await expect(query(WRITE)).rejects.toMatchObject({
      code: '53100',
      message: expect.stringContaining('No space left on device'),
    });
    expect(await runtime.readLog('pg-sink', 50)).toMatch(/could not .*No space left on device/);
    expect(await query('SELECT id, filler FROM kept')).toEqual([{ id: 0, filler: 'before' }]);
  });

  it('has its room back when it is freed, however often, and accepts what it refused before', async () => {
    const freed = await runtime.freeDisk?.('pg-sink');
    expect(freed).toMatchObject({ action: 'disk freed', evidence: { removed: true } });
    expect(freed?.evidence.freeAfter).toBeGreaterThan(16 * MB);
    expect(await runtime.freeDisk?.('pg-sink')).toMatchObject({ evidence: { removed: false } });
    await query(WRITE);
    expect(await query('SELECT count(*)::int AS rows FROM kept')).toEqual([{ rows: 5001 }]);
  });

  it('keeps its data when its server is killed, although it is in memory', async () => {
    await runtime.kill('pg-sink');
    await runtime.start('pg-sink');
    expect(await query('SELECT count(*)::int AS rows FROM kept')).toEqual([{ rows: 5001 }]);
  });

  it('is removed with its run, and so is the container that kept it mounted', async () => {
    const left = await leftOf(docker, labelOfRun(run));
    expect(left.filter((name) => name.startsWith('container'))).toHaveLength(2);
    await removeRun(docker, run);
    expect(await leftOf(docker, labelOfRun(run))).toEqual([]);
  });
});
