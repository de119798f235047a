import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';

// Each test starts a process, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const MAIN = path.join(import.meta.dirname, 'main.ts');
const [SOURCE, SINK] = ['postgres://one@127.0.0.1:1/app', 'postgres://two@127.0.0.1:2/app'];

async function verify(...args: string[]) {
  const env = { NO_COLOR: '1', CDC_LAB_SOURCE_URL: '', CDC_LAB_SINK_URL: '' };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [MAIN, 'verify', ...args], {
    env,
    reject: false,
    input: '',
  });
  return { exitCode, stdout, stderr };
}

test.each([
  [[], 'There is no source to verify'],
  [['--source', SOURCE], 'There is no sink to verify'],
  [['--source', SOURCE, '--sink', SINK], '--progress-slot'],
  [['--source', 'postgres://u:hunter2@127.0.0.1/app', '--sink', SINK], 'CDC_LAB_SOURCE_PASSWORD'],
  [['--source', SOURCE, '--sink', SINK, '--fence', 'solt'], 'Allowed choices are slot, quiesce, none'],
  [['--source', SOURCE, '--sink', SINK, '--subscribtion', 's'], 'Did you mean --subscription?'],
  [['--source', SOURCE, '--sink', SINK, '--every', 'often'], 'an interval is a number'],
  [['--source', SOURCE, '--sink', SINK, '--every', '5', '--once'], 'cannot be used with'],
  [['--source', SOURCE, '--sink', SINK, '--password-stdin'], 'no password on stdin'],
])('%j exits with 64 and says what to write', async (args, said) => {
  const { exitCode, stdout, stderr } = await verify(...args);
  expect(stderr).toContain(said);
  expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
  expect(stderr).not.toMatch(/hunter2|^\s+at /m);
});

test('a database that cannot be reached exits with 69 and names the side', async () => {
  const { exitCode, stderr } = await verify('--source', SOURCE, '--sink', SINK, '--fence', 'none');
  expect(stderr).toContain('The source database cannot be reached');
  expect(exitCode).toBe(69);
});

test('a file that is there already is refused before anything is compared, and left as it is', async () => {
  const [there, fresh] = ['there.sql', 'fresh.sql'].map((name) => path.join(makeTestFolder(), name));
  writeFileSync(`${there}`, 'mine');
  const pair = ['--source', SOURCE, '--sink', SINK, '--fence', 'none'];
  const refused = await verify(...pair, '--repair', `${fresh}`, '--republish', `${there}`);
  expect(refused).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('EEXIST') });
  expect(readFileSync(`${there}`, 'utf8')).toBe('mine');
  const twice = await verify(...pair, '--repair', `${fresh}`, '--republish', `${fresh}`);
  expect(twice).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('EEXIST') });
  const failed = await verify(...pair, '--repair', `${fresh}`);
  expect(failed.exitCode).toBe(69);
  expect(existsSync(`${fresh}`)).toBe(false);
});
