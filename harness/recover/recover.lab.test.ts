import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { holdLab } from '../lab/state/lock.ts';
import { findStateDir } from '../lab/state/state-dir.ts';
import { until } from '../wait.ts';

const MAIN = path.join(import.meta.dirname, '../cli/main.ts');
const WITHIN_MS = 180_000;
const dir = path.join(makeTestFolder(), 'lab');

const cli = (...args: string[]) =>
  execa(process.execPath, [MAIN, ...args], {
    env: { CDC_LAB_DIR: dir, NO_COLOR: '1' },
    reject: false,
    stdin: 'ignore',
  });

/** Runs a command that must succeed; its JSON. */
async function ok(...args: string[]): Promise<Record<string, never>> {
  const { exitCode, stdout, stderr } = await cli(...args, '--json');
  expect(exitCode, `${args.join(' ')}: ${stderr}`).toBe(0);
  return JSON.parse(stdout);
}

/** Runs a command that must be refused with 64; what it says. */
async function refused(...args: string[]): Promise<string> {
  const { exitCode, stderr } = await cli(...args);
  expect(exitCode, `${args.join(' ')}: ${stderr}`).toBe(64);
  return stderr;
}

const verdict = async (): Promise<string> =>
  JSON.parse((await cli('status', '--deadline', '60', '--json')).stdout).verdict;
const sql = async (side: string, statement: string) => (await cli('sql', side, statement)).stdout;

beforeAll(async () => {
  const up = await cli('up', '--rate', '20');
  expect(up.exitCode, up.stderr).toBe(0);
}, WITHIN_MS);
afterAll(async () => {
  await cli('clean');
  await rm(path.dirname(dir), { recursive: true, force: true });
}, WITHIN_MS);

describe('the connectors', { timeout: WITHIN_MS }, () => {
  it('take a key that the worker accepts; another is refused, and a dry run changes nothing', async () => {
    expect(await refused('connectors', 'set', 'sink', 'insert.mdoe=upsert')).toContain('insert.mode');
    expect((await cli('connectors', 'set', 'sink', 'batch.size=7', '--dry-run')).stdout).toContain(
      'batch.size: 7, formerly 5000',
    );
    expect((await cli('connectors', 'config', 'sink')).stdout).toContain('batch.size=5000');
    expect(await ok('connectors', 'set', 'sink', 'batch.size=7')).toMatchObject({
      undo: 'cdc-lab connectors set sink batch.size=5000',
      evidence: { changed: { 'batch.size': '7, formerly 5000' } },
    });
    await ok('connectors', 'set', 'sink', 'batch.size=5000');
    expect((await cli('connectors', 'config', 'sink')).stdout).toContain('batch.size=5000');
  });

  it('are named, or the nearest is', async () => {
    expect(await refused('connectors', 'restart', 'snik')).toContain('Did you mean "sink"?');
    expect(await refused('connectors', 'retsart', 'sink')).toContain('Did you mean "restart"?');
  });

  it('pause, resume and restart', async () => {
    await ok('connectors', 'pause', 'capture');
    expect((await cli('connectors')).exitCode).toBe(1);
    await ok('connectors', 'resume', 'capture');
    await ok('connectors', 'restart', 'capture');
    expect((await cli('connectors')).exitCode).toBe(0);
  });
});

describe('while another command changes the lab', { timeout: WITHIN_MS }, () => {
  it('nobody is asked to agree to a plan that may not hold; a dry run still says what it would do', async () => {
    await using _held = await holdLab(findStateDir(dir) ?? dir);
    const { exitCode, stderr } = await cli('slot', 'recreate');
    expect([exitCode, stderr]).toEqual([expect.any(Number), expect.stringContaining(`pid ${process.pid}`)]);
    expect(stderr).not.toContain('--yes');
    expect((await cli('slot', 'recreate', '--dry-run')).exitCode).toBe(0);
  });
});

describe('the offsets of the sink', { timeout: WITHIN_MS }, () => {
  it('are not moved while the sink reads', async () => {
    expect(await refused('offsets', 'reset', '--to', 'earliest')).toContain('cdc-lab connectors stop sink');
  });

  it('go back in the table and the group together, and the sink ends where it was', async () => {
    await ok('connectors', 'stop', 'sink');
    type Partition = { first: string; end: string; next: string; stored: string; committed: string };
    type Shown = { members: number; partitions: Partition[] };
    const shown = async () => (await ok('offsets', 'show')) as unknown as Shown;
    const isBehind = ({ end, next }: Partition) => BigInt(end) > BigInt(next);
    await until(async () => (await shown()).partitions.some(isBehind), {
      what: 'the sink to be behind',
      withinMs: 30_000,
    });
    expect((await shown()).members).toBe(0);
    expect(await refused('offsets', 'reset', '--to', 'latest')).toMatch(/\d+ records are skipped/);
    await ok('offsets', 'reset', '--to', 'earliest');
    for (const one of (await shown()).partitions)
      expect(one).toMatchObject({ stored: one.first, committed: one.first });
    await ok('connectors', 'resume', 'sink');
    expect(await verdict()).toBe('PASS');
  });
});

describe('the slot', { timeout: WITHIN_MS }, () => {
  it('is not dropped while it is read, nor without a yes', async () => {
    expect(await refused('slot', 'drop')).toContain('cdc-lab connectors stop capture');
    expect(await refused('slot', 'drop', 'cdc_lba')).toContain('Did you mean "cdc_lab"?');
    expect(await refused('slot', 'recreate')).toContain('--yes');
  });

  it('is created again, with a snapshot, after it was lost', async () => {
    await cli('up', '--no-writer');
    expect(await verdict()).toBe('PASS');
    await ok('connectors', 'stop', 'capture');
    await ok('slot', 'drop', '--yes');
    expect((await cli('slot', 'list')).stdout).toContain('missing');
    // Committed while there is no slot: only the snapshot can bring it.
    await sql('source', "UPDATE customers SET name = 'in the gap', version = version + 1");
    expect((await cli('connectors', 'resume', 'capture', '--deadline', '20')).exitCode).toBe(69);
    expect(await ok('slot', 'recreate', '--yes')).toMatchObject({ action: 'slot-recreate' });
    expect(await verdict()).toBe('PASS');
    expect((await cli('slot', 'list')).stdout).not.toContain('missing');
  });
});

describe('rows of the sink', { timeout: WITHIN_MS }, () => {
  it('that were changed by hand are mended by a snapshot of them alone', async () => {
    const first = "SELECT string_agg(quote_literal(id), ',') AS ids FROM (SELECT id FROM customers LIMIT 3)";
    const [{ ids }] = JSON.parse((await cli('sql', 'sink', first, '--json')).stdout).rows;
    const some = `id IN (${ids})`;
    await sql('sink', `UPDATE customers SET name = 'changed' WHERE ${some}`);
    expect(await verdict()).toBe('FAIL');
    expect(await refused('snapshot', 'customers', '--where', 'nmae = 1')).toContain('nmae');
    expect(await refused('snapshot', 'custmoers')).toContain('Did you mean "public.customers"?');
    expect(await ok('snapshot', 'customers', '--where', some)).toMatchObject({
      evidence: { rowsAtSource: 3 },
    });
    expect(await verdict()).toBe('PASS');
  });

  it('that are there twice are there once after dedupe, which also lets none come again', async () => {
    await sql('sink', 'ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE');
    await sql('sink', 'INSERT INTO orders SELECT * FROM orders LIMIT 5');
    expect(await verdict()).toBe('FAIL');
    expect(await refused('dedupe', 'orders')).toContain('5 rows of public.orders are deleted');
    expect(await ok('dedupe', 'orders', '--add-key', '--yes')).toMatchObject({
      evidence: { deleted: 5, left: 0, primaryKey: ['"id"'] },
    });
    expect(await ok('dedupe', 'orders')).toMatchObject({ evidence: { deleted: 0 } });
    expect(await verdict()).toBe('PASS');
  });
});

describe('a recovery that is killed', { timeout: WITHIN_MS }, () => {
  it('is finished by the command that heal prints', async () => {
    await ok('connectors', 'stop', 'capture');
    const killed = cli('snapshot', 'customers');
    const log = path.join(dir, 'recoveries.ndjson');
    await until(async () => existsSync(log) && readFileSync(log, 'utf8').trimEnd().endsWith('customers"}'), {
      what: 'the recovery to be on record',
      withinMs: 30_000,
    });
    killed.kill('SIGKILL');
    await killed;
    expect((await cli('heal')).stderr).toContain('this finishes it: cdc-lab snapshot');
    expect((await ok('heal')).toFinish).toEqual(['cdc-lab snapshot customers']);
    await ok('connectors', 'resume', 'capture');
    await ok('snapshot', 'customers');
    expect((await cli('heal')).stderr).toContain('nothing to heal');
    expect(await verdict()).toBe('PASS');
  });
});
