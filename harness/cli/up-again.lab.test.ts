import { rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { RunFile } from '../lab/state/run-file.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
const WITHIN_MS = 240_000;
let parent: string;
let dir: string;

beforeAll(async () => {
  parent = makeTestFolder();
  dir = path.join(parent, 'lab');
  const { exitCode, stderr } = await cli('up');
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain('the writer writes 20 transactions/s');
}, WITHIN_MS);
afterAll(async () => {
  await cli('clean');
  await rm(parent, { recursive: true, force: true });
}, WITHIN_MS);

const cli = (...args: string[]) =>
  execa(process.execPath, [MAIN, ...args], { env: { CDC_LAB_DIR: dir, NO_COLOR: '1' }, reject: false });

const writer = () => new RunFile(dir).read()?.services['workload@lab'];

describe('an option of up, on a lab that is up', () => {
  it('--rate gives the writer another rate, which the next up keeps', { timeout: WITHIN_MS }, async () => {
    const before = writer()?.process?.pid;
    expect((await cli('up', '--rate', '50')).stderr).toContain(
      'the writer writes 50 transactions/s, 20 before',
    );
    const changed = writer();
    expect(changed?.process?.pid).not.toBe(before);
    expect(changed?.spec.args.join(' ')).toContain('--rate 50');
    expect((await cli('up')).stderr).not.toContain('writer');
    expect(writer()).toEqual(changed);
    const status = await cli('status', '--deadline', '60', '--json');
    expect(JSON.parse(status.stdout).verdict).toBe('PASS');
  });

  it.each([
    ['--seed', '7', 'were made with seed 42, not 7'],
    ['--source', 'debezium', 'The engines of a pipeline cannot change'],
    ['--sink', 'jdbc', 'The engines of a pipeline cannot change'],
    ['--runtime', 'docker', 'uses the process runtime, not docker'],
    ['--brokers', '3', 'has one broker, not 3'],
    ['--sink-workers', '2', 'has 1 sink worker, not 2'],
  ])('%s %s is refused by name', { timeout: WITHIN_MS }, async (option, value, said) => {
    const { exitCode, stderr } = await cli('up', option, value);
    expect(exitCode).toBe(69);
    expect(stderr).toContain(said);
  });

  it.each([
    ['--alert-lag', '700', 'lag is an alert from 700 events on'],
    ['--dedup', 'table', "the sink's dedup.mode is table now"],
  ])('%s %s is honoured', { timeout: WITHIN_MS }, async (option, value, said) => {
    const { exitCode, stderr } = await cli('up', option, value);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain(said);
  });

  it('--no-writer stops the writer, and a lesson that waits for writes says so at once', {
    timeout: WITHIN_MS,
  }, async () => {
    expect((await cli('up', '--no-writer')).stderr).toContain('the writer is stopped');
    expect(writer()?.process).toBeNull();
    const { exitCode, stderr } = await cli('trigger', 'restart');
    expect(exitCode).toBe(69);
    expect(stderr).toMatch(/waits for writes, and this lab has no writer[\s\S]*cdc-lab up --rate 20/);
    expect((await cli('status', '--deadline', '60')).exitCode).toBe(0);
    expect((await cli('up', '--rate', '30')).stderr).toContain('the writer writes 30 transactions/s');
  });
});

describe('a writer that has died', () => {
  it('is named by status and trigger, and started again by heal', { timeout: WITHIN_MS }, async () => {
    process.kill(writer()?.process?.pid ?? 0, 'SIGKILL');
    const status = await cli('status', '--deadline', '60');
    expect(status.stderr).toContain('workload@lab, the writer, is dead');
    expect(status.stderr).toContain('cdc-lab heal starts it again');
    const trigger = await cli('trigger', 'lag');
    expect(trigger.exitCode).toBe(69);
    expect(trigger.stderr).toContain('workload@lab, the writer, is dead');
    expect((await cli('heal')).stderr).toContain('workload@lab was dead: started');
    expect(writer()?.spec.args.join(' ')).toContain('--rate 30');
  });
});

describe('a lesson that is triggered a second time', () => {
  it('schema adds the next column', { timeout: WITHIN_MS }, async () => {
    for (const column of ['tier', 'tier_2']) {
      const { exitCode, stderr } = await cli('trigger', 'schema');
      expect(exitCode, stderr).toBe(0);
      expect(stderr).toContain(`column customers.${column} stays`);
    }
    const status = await cli('status', '--deadline', '60');
    expect(status.exitCode, status.stderr).toBe(0);
  });
});

describe('a lab that is down', () => {
  it('is to be started by up, as status, trigger and heal say', { timeout: WITHIN_MS }, async () => {
    await cli('down');
    const status = await cli('status');
    expect(status.exitCode).toBe(2);
    expect(status.stderr).toBe(`the lab in ${dir} is stopped\ncdc-lab up starts it\n`);
    expect(status.stderr).not.toContain('cdc-lab heal');
    const trigger = await cli('trigger', 'lag');
    expect(trigger.exitCode).toBe(69);
    expect(trigger.stderr).toContain('cdc-lab up starts it');
    expect((await cli('heal')).stderr).toBe('nothing to heal: the lab is stopped; cdc-lab up starts it');
  });
});
