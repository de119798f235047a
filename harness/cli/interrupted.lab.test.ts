import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { UndoLog } from '../undo/undo-log.ts';
import { until } from '../wait.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
const WITHIN_MS = 180_000;
let parent: string;
let dir: string;

beforeAll(async () => {
  parent = makeTestFolder();
  dir = path.join(parent, 'lab');
});
afterAll(async () => {
  await cli('clean');
  await rm(parent, { recursive: true, force: true });
}, WITHIN_MS);

const cli = (...args: string[]) =>
  execa(process.execPath, [MAIN, ...args], { env: { CDC_LAB_DIR: dir, NO_COLOR: '1' }, reject: false });

/** Until the command says so on stderr. */
async function says(command: ReturnType<typeof cli>, text: string): Promise<void> {
  let said = '';
  command.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  await until(async () => said.includes(text), { what: `"${text}" in ${said}`, withinMs: 120_000 });
}

async function serviceOf(wanted: string): Promise<{ pid: number; state: string }> {
  const { services } = JSON.parse((await cli('logs', '--json')).stdout);
  return services.find(({ name }: { name: string }) => name === wanted);
}

describe('a run that is interrupted while the sink is paused', () => {
  it('heals, says what it undid, leaves nothing running, and exits with 130', {
    timeout: WITHIN_MS,
  }, async () => {
    const run = cli('run', 'lag', '--variant', 'sound', '--seconds', '600');
    await says(run, 'broken by pause-connector');
    run.kill('SIGINT');
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(130);
    expect(stderr).toContain('undone: pause-connector: resumed connector sink');
    expect(new UndoLog(dir).outstanding()).toEqual([]);
    const { services } = JSON.parse((await cli('logs', '--json')).stdout);
    expect(services.filter(({ state }: { state: string }) => state !== 'stopped')).toEqual([]);
  });
});

describe('a trigger whose process is killed while the sink is paused', () => {
  it('leaves a lab that says so, and that the next up puts right', { timeout: WITHIN_MS }, async () => {
    const first = await cli('up', '--rate', '20');
    expect(first.exitCode, first.stderr).toBe(0);
    const trigger = cli('trigger', 'lag', '--seconds', '600');
    await says(trigger, '✔ broken by pause-connector');
    trigger.kill('SIGKILL');
    await trigger;
    expect((await cli('connectors')).exitCode).toBe(1);
    expect((await cli('doctor')).stdout).toContain('pause-connector on lab');

    const up = await cli('up');
    expect(up.stderr).toContain('healed pause-connector on lab: resumed connector sink');
    expect((await cli('connectors')).exitCode).toBe(0);
    const status = await cli('status', '--deadline', '60', '--json');
    expect(JSON.parse(status.stdout).verdict).toBe('PASS');
    expect(status.exitCode).toBe(0);
  });

  it('names a worker that is dead and its log, and heal starts it again', {
    timeout: WITHIN_MS,
  }, async () => {
    process.kill((await serviceOf('capture@lab')).pid, 'SIGKILL');
    await until(async () => (await cli('status', '--deadline', '1')).stderr.includes('capture@lab is dead'), {
      what: 'status to name the dead worker',
      withinMs: 30_000,
    });
    const watch = await cli('watch', '--json', '--count', '2', '--interval', '0.2');
    expect(watch.exitCode, watch.stderr).toBe(0);
    expect(watch.stderr).toContain('capture@lab is dead');
    const reports = watch.stdout.split('\n').map((line) => JSON.parse(line));
    expect(reports).toMatchObject([{ schemaVersion: 1 }, { schemaVersion: 1 }]);
    const heal = await cli('heal');
    expect(heal.stderr).toContain('capture@lab was dead: started');
    expect((await cli('status', '--deadline', '60')).exitCode).toBe(0);
  });

  it('is undone by the next trigger, also if it left a worker dead', { timeout: WITHIN_MS }, async () => {
    const id = 'left';
    new UndoLog(dir).pending({ id, instance: 'lab', fault: 'kill-service', params: { service: 'capture' } });
    process.kill((await serviceOf('capture@lab')).pid, 'SIGKILL');
    await until(async () => (await serviceOf('capture@lab')).state === 'dead', {
      what: 'the capture to be dead',
      withinMs: 30_000,
    });
    const { exitCode, stderr } = await cli('trigger', 'lag', '--seconds', '1');
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('✔ healed kill-service on lab: started capture@lab again');
  });
});

describe('a trigger whose journal cannot be written to the end', () => {
  it('heals, and exits with 69: its evidence has gaps', { timeout: WITHIN_MS }, async () => {
    const trigger = cli('trigger', 'lag', '--seconds', '2');
    await says(trigger, '✔ broken by pause-connector');
    await rename(path.join(dir, 'runs'), path.join(dir, 'runs-before'));
    const { exitCode, stderr } = await trigger;
    expect(exitCode, stderr).toBe(69);
    expect(stderr).toMatch(/The journal .*journal\.ndjson could not be written: ENOENT/);
    expect(new UndoLog(dir).outstanding()).toEqual([]);
    expect((await cli('connectors')).exitCode).toBe(0);
  });
});
