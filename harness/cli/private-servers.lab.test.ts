import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { labControl } from '../lab/process/process-control.ts';
import { markedProcesses } from '../lab/process/spawn.ts';
import { UndoLog } from '../undo/undo-log.ts';
import { until } from '../wait.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
const WITHIN_MS = 180_000;
let parent: string;
let dir: string;

beforeAll(async () => {
  parent = makeTestFolder();
  dir = path.join(parent, 'lab');
  const up = { dir, rate: 0, seed: 42, withInstance: false, progress: () => undefined };
  await labControl.up(up);
}, WITHIN_MS);
afterAll(async () => {
  await labControl.clean(dir);
  await rm(parent, { recursive: true, force: true });
}, WITHIN_MS);

const cli = (...args: string[]) =>
  execa(process.execPath, [MAIN, ...args], { env: { CDC_LAB_DIR: dir, NO_COLOR: '1' }, reject: false });

/** Folders of private servers. */
function folders(): string[] {
  const data = path.join(dir, 'data');
  return existsSync(data) ? readdirSync(data).filter((name) => name.includes('@')) : [];
}

/** Processes of pipelines, and of servers that are one pipeline's own. */
const processes = () => markedProcesses(dir).filter(({ name }) => name.includes('@'));

/** Kills a run with a private source, as soon as `isThen`. */
async function killRun(isThen: (said: string) => boolean): Promise<void> {
  const run = cli('run', 'slot-lost', '--variant', 'sound');
  let said = '';
  run.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  await until(async () => isThen(said), { what: `the moment; ${said}`, withinMs: 120_000, everyMs: 20 });
  run.kill('SIGKILL');
  await run;
}

it.each([
  ['while its server is made', () => folders().length > 0],
  ['when the slot is lost', (said: string) => said.includes('broken by pass-wal-bound')],
])(
  'heal removes the private server of a run that is killed %s',
  { timeout: WITHIN_MS },
  async (_, isThen) => {
    await killRun(isThen);
    expect(folders()).not.toEqual([]);
    const { exitCode, stderr } = await cli('heal');
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/dropped slot-lost-sound-/);
    expect([folders(), processes(), new UndoLog(dir).outstanding()]).toEqual([[], [], []]);
  },
);

it('down removes it, too', { timeout: WITHIN_MS }, async () => {
  await killRun((said) => said.includes('broken by pass-wal-bound'));
  const { exitCode, stderr } = await cli('down');
  expect(exitCode, stderr).toBe(0);
  expect([folders(), processes()]).toEqual([[], []]);
});
