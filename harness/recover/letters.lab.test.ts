import { rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { until } from '../wait.ts';

const MAIN = path.join(import.meta.dirname, '../cli/main.ts');
const WITHIN_MS = 180_000;
const parent = makeTestFolder();
const dir = path.join(parent, 'lab');

const cli = (...args: string[]) =>
  execa(process.execPath, [MAIN, ...args], {
    env: { CDC_LAB_DIR: dir, NO_COLOR: '1', PGPASSWORD: password },
    reject: false,
    stdin: 'ignore',
  });
let password = '';

/** Runs a command that must end so; what it printed. */
async function exits(code: number, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await cli(...args);
  expect(exitCode, `${args.join(' ')}: ${stderr}`).toBe(code);
  return `${stdout}\n${stderr}`;
}

const verdict = async (): Promise<string> =>
  JSON.parse((await cli('status', '--deadline', '60', '--json')).stdout).verdict;
const sql = (side: string, statement: string) => exits(0, 'sql', side, statement);
const letters = async (): Promise<{ partition: number; offset: string; error: string }[]> =>
  JSON.parse((await cli('dead-letters', 'list', '--json')).stdout).letters;

const POISONED = '(SELECT id FROM customers ORDER BY id LIMIT 1)';

/** Has the sink refuse a change, and waits for its letter. */
async function poison(): Promise<void> {
  await sql('sink', "ALTER TABLE customers ADD CONSTRAINT nobody CHECK (name <> 'nobody') NOT VALID");
  const change = "SET name = 'nobody', version = version + 1, updated_at = now()";
  await sql('source', `UPDATE customers ${change} WHERE id = ${POISONED}`);
  await until(async () => (await letters()).length === 1, { what: 'a dead letter', withinMs: 60_000 });
  await sql('sink', 'ALTER TABLE customers DROP CONSTRAINT nobody');
}

beforeAll(async () => {
  await exits(0, 'up', '--no-writer');
  ({ password } = JSON.parse((await cli('env', '--show-password', '--json')).stdout));
}, WITHIN_MS);
afterAll(async () => {
  await cli('clean');
  await rm(parent, { recursive: true, force: true });
}, WITHIN_MS);

describe('dead letters', { timeout: WITHIN_MS }, () => {
  it('are refused where the sink keeps none, and listed with their error', async () => {
    expect(await exits(64, 'dead-letters', 'list')).toContain('errors.deadletterqueue.topic.name');
    const keys = ['errors.tolerance=all', 'errors.deadletterqueue.topic.name=letters'];
    const headers = 'errors.deadletterqueue.context.headers.enable=true';
    await exits(0, 'connectors', 'set', 'sink', ...keys, headers);
    await poison();
    const [letter] = await letters();
    expect(letter).toMatchObject({ from: { topic: 'lab.public.customers' } });
    expect(letter?.error).toContain('nobody');
    expect(await exits(0, 'dead-letters', 'show', `${letter?.partition}@${letter?.offset}`)).toContain(
      'nobody',
    );
    expect(await verdict()).not.toBe('PASS');
  });

  it('are applied when they are replayed, and are gone then', async () => {
    expect(await exits(0, 'dead-letters', 'replay')).toContain('sent 1 dead letters again');
    expect(await letters()).toEqual([]);
    expect(await verdict()).toBe('PASS');
  });

  it('are discarded only after a yes; a snapshot brings their rows', async () => {
    await sql(
      'source',
      `UPDATE customers SET name = 'somebody', version = version + 1 WHERE id = ${POISONED}`,
    );
    expect(await verdict()).toBe('PASS');
    await poison();
    expect(await exits(64, 'dead-letters', 'discard')).toContain('--yes');
    expect(await letters()).toHaveLength(1);
    await exits(0, 'dead-letters', 'discard', '--yes');
    expect(await letters()).toEqual([]);
    await exits(0, 'snapshot', 'customers');
    expect(await verdict()).toBe('PASS');
  });
});

describe('a repair', { timeout: WITHIN_MS }, () => {
  it('is applied as a whole, and not a second time', async () => {
    await sql(
      'sink',
      `UPDATE orders SET note = 'wrong' WHERE id IN (SELECT id FROM orders ORDER BY id LIMIT 2)`,
    );
    const file = path.join(parent, 'mend.sql');
    const { source, sink } = JSON.parse((await cli('env', '--json')).stdout);
    const urls = ['--source', source, '--sink', sink, '--tables', 'public.orders'];
    await exits(1, 'verify', ...urls, '--fence', 'none', '--repair', file);
    expect(await exits(64, 'repair', 'apply', file)).toContain('2 rows of the sink are changed');
    expect(await exits(0, 'repair', 'apply', file, '--dry-run')).toContain('UPDATE');
    expect(await exits(0, 'repair', 'apply', file, '--yes')).toContain('2 statements changed 2 rows');
    expect(await verdict()).toBe('PASS');
    expect(await exits(64, 'repair', 'apply', file, '--yes')).toContain('Nothing was committed');
  });
});
