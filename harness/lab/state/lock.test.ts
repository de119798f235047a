import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holdLab } from './lock.ts';
import { identify } from './process-table.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cdc-lab-lock-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function holder(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../testing/hold-lab.ts'), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  expect(said.toString()).toBe('held\n');
  return child;
}

test('the second process is refused, with pid, command and time of the first', async () => {
  const child = await holder();
  await expect(holdLab(dir)).rejects.toMatchObject({
    code: 'CDC-5112',
    message: expect.stringMatching(new RegExp(`pid ${child.pid} \\(.*hold-lab.*\\) since 20`)),
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('a holder that was killed holds the lab no longer', async () => {
  const child = await holder();
  child.kill('SIGKILL');
  await once(child, 'exit');
  await using _held = await holdLab(dir);
});

test('a process can hold the lab several times, and releases it with the last', async () => {
  const first = await holdLab(dir);
  const second = await holdLab(dir);
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  const child = await holder();
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('the record of a dead holder, whose pid another process has now, does not block', async () => {
  const other = { ...identify(process.ppid), startTicks: '1', command: 'old', since: '2020' };
  writeFileSync(join(dir, 'holder.json'), JSON.stringify(other));
  await using _held = await holdLab(dir);
});

test('a living holder whose socket is not visible here is respected', async () => {
  const other = { ...identify(process.ppid), command: 'elsewhere', since: '2026' };
  writeFileSync(join(dir, 'holder.json'), JSON.stringify(other));
  await expect(holdLab(dir)).rejects.toThrow(`pid ${process.ppid} (\`elsewhere\`) since 2026`);
});
