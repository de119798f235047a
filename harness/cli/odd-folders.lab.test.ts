import { rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, it } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
const WITHIN_MS = 240_000;
/** Longer than the 107 bytes of a Unix socket's address, with whatever a shell, a URL or Java might take amiss. */
const ODD = `Zoë's "été" 100%25 #1, a;b=c $HOME ! ${'ü'.repeat(60)}`;
const parent = makeTestFolder();
const dir = path.join(parent, ODD);

afterAll(async () => {
  await cli('clean');
  await rm(parent, { recursive: true, force: true });
}, WITHIN_MS);

/** As in a container or a cron job: no HOME, no UTF-8 locale, no terminal. */
const cli = (...args: string[]) =>
  execa(process.execPath, [MAIN, ...args, '--dir', dir], {
    env: { HOME: undefined, LC_ALL: 'C', NO_COLOR: '1' },
    stdin: 'ignore',
    reject: false,
  });

it('a lab runs in a folder with an odd name, is verified, stopped and removed', {
  timeout: WITHIN_MS,
}, async () => {
  const up = await cli('up', '--source', 'ts');
  expect(up.exitCode, up.stderr).toBe(0);
  const status = await cli('status', '--deadline', '60', '--json');
  expect(status.exitCode, status.stderr).toBe(0);
  expect(JSON.parse(status.stdout).verdict).toBe('PASS');
  const again = await cli('up');
  expect(again.stderr).not.toContain('runs again');
  expect((await cli('down')).exitCode).toBe(0);
  expect((await cli('clean')).stderr).toContain(`removed ${dir}`);
});
