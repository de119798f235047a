import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withDatabase } from '../../fixtures/database.ts';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { RunFile } from '../lab/state/run-file.ts';
import { readOrMakePassword } from '../lab/state/state-dir.ts';

import { runResultSchema } from '../runner/result.ts';
import { until } from '../wait.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
const WITHIN_MS = 240_000;
let parent: string;
let dir: string;
let junit: string;

beforeAll(() => {
  parent = makeTestFolder();
  dir = path.join(parent, 'lab');
  junit = path.join(parent, 'junit.xml');
});
afterAll(async () => {
  await cli('clean');
  await rm(parent, { recursive: true, force: true });
}, WITHIN_MS);

const cli = (...args: string[]) =>
  execa(process.execPath, [MAIN, ...args], {
    env: { CDC_LAB_DIR: dir, NO_COLOR: '1' },
    reject: false,
    // A command that was told to end has something to undo first.
    forceKillAfterDelay: false,
  });

/** Until the command says so on stderr. */
async function says(command: ReturnType<typeof cli>, text: string): Promise<void> {
  let said = '';
  command.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  await until(async () => said.includes(text), { what: `"${text}" in ${said}`, withinMs: 120_000 });
}

const run = () => new RunFile(dir).read();
const instances = () => Object.keys(run()?.instances ?? {});

/** Databases and slots of pipelines, on both servers. */
async function left(): Promise<string[]> {
  const { pgSource = 0, pgSink = 0 } = run()?.ports ?? {};
  const password = readOrMakePassword(dir);
  const found = await Promise.all(
    [pgSource, pgSink].map((port) =>
      withDatabase({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', password }, (client) =>
        client.query<{ name: string }>(
          `SELECT datname AS name FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', 'lab')
           UNION ALL SELECT slot_name FROM pg_replication_slots WHERE database <> 'lab'`,
        ),
      ),
    ),
  );
  return found.flatMap(({ rows }) => rows.map(({ name }) => name));
}

describe('a run that was killed', () => {
  it('has left a report, and heal removes its pipeline', { timeout: WITHIN_MS }, async () => {
    const killed = cli('run', 'lag', '--variant', 'sound', '--seconds', '600', '--junit', junit);
    await says(killed, 'broken by pause-connector');
    killed.kill('SIGKILL');
    await killed;
    expect(readFileSync(junit, 'utf8')).toContain('INCONCLUSIVE: it was not finished');
    const [name = ''] = instances();
    expect(await left()).toContain(name.replaceAll('-', '_'));

    const heal = await cli('heal');
    expect(heal.exitCode, heal.stderr).toBe(0);
    expect(heal.stderr).toContain(`✔ dropped ${name}, left by an earlier run`);
    expect([await left(), instances()]).toEqual([[], []]);
    expect(Object.keys(run()?.services ?? {}).filter((service) => service.includes('@'))).toEqual([]);
    expect((await cli('heal')).stderr).toBe('nothing to heal');
  });
});

describe('a run that cannot go on', () => {
  const result = (text: string) => runResultSchema.parse(JSON.parse(text));

  it('writes the results so far when it is interrupted', { timeout: WITHIN_MS }, async () => {
    const args = ['lag', 'restart', '--seconds', '600', '--json', '--junit', junit];
    const interrupted = cli('run', ...args);
    await says(interrupted, 'broken by pause-connector');
    interrupted.kill('SIGTERM');
    const { exitCode, stdout } = await interrupted;
    expect(exitCode).toBe(130);
    const reason = 'interrupted by SIGTERM';
    expect(result(stdout)).toMatchObject({
      ...{ ok: false, endedEarly: reason },
      results: [{ scenario: 'lag', verdict: 'INCONCLUSIVE', reason: `${reason} in phase hold` }],
    });
    expect(result(stdout).notRun).toHaveLength(3);
    expect(readFileSync(junit, 'utf8')).toContain(`${reason} in phase hold`);
    expect(instances()).toEqual([]);
  });

  it('exits with 69 and the results so far when its broker dies', { timeout: WITHIN_MS }, async () => {
    const args = ['lag', '--seconds', '600', '--json', '--junit', junit];
    const crippled = cli('run', ...args);
    await says(crippled, 'broken by pause-connector');
    process.kill(run()?.services.kafka?.process?.pid ?? 0, 'SIGKILL');
    const { exitCode, stdout, stderr } = await crippled;
    expect(exitCode, stderr).toBe(69);
    expect(stderr).toContain('kafka is dead');
    expect(result(stdout)).toMatchObject({ ok: false, results: [{ verdict: 'INCONCLUSIVE' }] });
    expect(readFileSync(junit, 'utf8')).toContain('the run did not end: The run cannot go on: kafka is dead');
    const up = await cli('up', '--no-writer');
    expect(up.exitCode, up.stderr).toBe(0);
    expect([await left(), instances()]).toEqual([[], ['lab']]);
  });

  it('says at once that the lab cannot be started, and reports that, too', {
    timeout: WITHIN_MS,
  }, async () => {
    const { exitCode, stdout } = await cli('run', 'lag', '--brokers', '3', '--json', '--junit', junit);
    expect(exitCode).toBe(69);
    expect(result(stdout)).toMatchObject({ ok: false, results: [], notRun: [{}, {}] });
    expect(readFileSync(junit, 'utf8')).toContain('<error message="the run did not end');
  });
});

describe('a pipeline that a run has kept', () => {
  it('outlives the next run and the next up, and goes with down', { timeout: WITHIN_MS }, async () => {
    const keep = await cli('run', 'schema-change', '--variant', 'naive', '--keep');
    expect(keep.exitCode, keep.stderr).toBe(0);
    const kept = instances().find((name) => name !== 'lab') ?? '';
    expect((await cli('run', 'restart', '--variant', 'sound')).exitCode).toBe(0);
    expect((await cli('up')).exitCode).toBe(0);
    expect((await cli('heal')).stderr).toBe('nothing to heal');
    const status = await cli('status', '--instance', kept, '--deadline', '60', '--json');
    expect(JSON.parse(status.stdout).verdict).toBe('FAIL');

    const down = await cli('down');
    expect(down.stderr).toContain(`dropped ${kept}, which a run had kept`);
    expect(instances()).toEqual(['lab']);
    expect((await cli('up')).exitCode).toBe(0);
    expect(await left()).toEqual([]);
  });

  it('is named by a down that cannot drop it, and dropped by the next up', {
    timeout: WITHIN_MS,
  }, async () => {
    const keep = await cli('run', 'schema-change', '--variant', 'naive', '--keep');
    expect(keep.exitCode, keep.stderr).toBe(0);
    const kept = instances().find((name) => name !== 'lab') ?? '';
    process.kill(run()?.services.kafka?.process?.pid ?? 0, 'SIGKILL');
    const down = await cli('down');
    expect(down.exitCode).toBe(69);
    expect(down.stderr).toContain(`✖ ${kept}, which a run had kept, is not dropped: its servers do not run`);
    expect((await cli('up')).stderr).toContain(`dropped ${kept}, left by an earlier run`);
    expect([await left(), instances()]).toEqual([[], ['lab']]);
  });
});
