import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import { PROJECT_DIR } from '../../project.ts';
import { until } from '../../wait.ts';
import { openExternal } from './external-control.ts';
import { startTarget, type Target } from './testing/target.ts';

let target: Target;
let folder: string;

beforeAll(async () => {
  target = await startTarget();
  folder = makeTestFolder();
  write('cdc-lab.config.json', target.config);
}, 240_000);
afterAll(async () => {
  await target?.[Symbol.asyncDispose]();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});
// Each command is a process, and a busy machine starts them slowly.
vi.setConfig({ testTimeout: 180_000 });

function write(name: string, config: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(config, null, 2));
}

async function lab(args: string, env: Readonly<Record<string, string>> = {}) {
  const { exitCode, stdout, stderr } = await execa(join(PROJECT_DIR, 'bin/cdc-lab'), args.split(' '), {
    cwd: folder,
    reject: false,
    env: { ...target.env, ...env },
  });
  return { exitCode, stdout, stderr };
}

test('everything in the configuration answers over TLS, and nothing may be broken yet', async () => {
  const { exitCode, stdout } = await lab('config check --json');
  const seen = JSON.parse(stdout);
  const answers = (seen.services as { name: string; answers: boolean }[]).map((one) => [
    one.name,
    one.answers,
  ]);
  expect(answers).toEqual([
    ['pg-source', true],
    ['pg-sink', true],
    ['kafka', true],
    ['connect', true],
  ]);
  expect(seen.services[0].said).toMatch(/^PostgreSQL 18.*TLSv1\.3$/);
  expect(seen.mayBeBroken).toBe(false);
  expect(exitCode).toBe(0);
});

test('a registry that does not answer is reported, and no marker is written without consent', async () => {
  write('registry.json', { ...target.config, registry: { url: 'http://127.0.0.1:1' } });
  const [check, mark] = [await lab('config check --config registry.json'), await lab('config mark')];
  expect(check.stdout).toMatch(/✖ registry .*The schema registry does not answer/);
  expect(check.exitCode).toBe(69);
  expect(mark.stderr).toContain('needs your consent');
  expect(mark.exitCode).toBe(64);
  expect(await target.onSource(`SELECT 1 FROM pg_namespace WHERE nspname = 'cdc_lab'`)).toEqual([]);
});

test('status, verify, lag and connectors work without a marker, and write nothing', async () => {
  const before = await target.onSource('SELECT slot_name FROM pg_replication_slots');
  const [status, verify, lag, connectors, env] = await Promise.all([
    lab('status --runtime external --deadline 20 --json'),
    lab('verify --runtime external --config cdc-lab.config.json --json'),
    lab('lag --runtime external --json'),
    lab('connectors --runtime external --json'),
    lab('env --runtime external'),
  ]);
  expect(env.stdout).toMatch(/Password +not the lab’s: your configuration names it$/m);
  expect(JSON.parse(status.stdout)).toMatchObject({ verdict: 'PASS', coverage: 1 });
  expect(status.exitCode).toBe(0);
  expect(JSON.parse(verify.stdout)).toMatchObject({ verdict: 'PASS' });
  expect(JSON.parse(lag.stdout)).toMatchObject({ consumerGroup: 'connect-shop-sink', events: 0 });
  expect(connectors.exitCode).toBe(0);
  expect(connectors.stdout).toContain('"RUNNING"');
  expect(await target.onSource('SELECT slot_name FROM pg_replication_slots')).toEqual(before);
  expect(existsSync(join(folder, '.lab-external'))).toBe(false);
});

test('what needs consent is refused, with the way to give it', async () => {
  const run = await lab('run lag --runtime external');
  expect(run.exitCode).toBe(64);
  expect(run.stderr).toMatch(/only looked at, not broken: the database shop does not carry the lab's marker/);
  expect(run.stderr).toContain('cdc-lab config mark --i-own-this-target shop');
  const sql = await lab('sql source DELETE/**/FROM/**/customers --runtime external');
  expect(sql.stderr).toContain('read-only transaction');
});

test('a target with a slot that another program reads is refused', async () => {
  await target.onSource(`SELECT pg_create_logical_replication_slot('warehouse', 'pgoutput')`);
  try {
    const refused = await lab('run restart --runtime external --i-own-this-target shop');
    expect(refused.stderr).toContain(
      'another program reads the changes through the replication slot warehouse',
    );
    expect(refused.exitCode).toBe(64);
  } finally {
    await target.onSource(`SELECT pg_drop_replication_slot('warehouse')`);
  }
});

test('each wrong login or certificate gives one sentence and a remedy, and exits with 69', async () => {
  const { source, kafka, connect } = target.config;
  const otherCa = target.certificates.otherCa;
  Object.assign(process.env, target.env, { TARGET_WRONG: 'hunter2' });
  const password = '${env:TARGET_WRONG}';
  const wrong: [string, Partial<Target['config']>, RegExp][] = [
    ['ca', { source: { ...source, sslrootcert: otherCa } }, /source database cannot .*known authority/],
    ['name', { source: { ...source, host: 'localhost' } }, /certificate is for another name/],
    ['login', { source: { ...source, password } }, /password authentication failed/],
    ['kafka-ca', { kafka: { ...kafka, tls: { ca: otherCa } } }, /Kafka at .*known authority/],
    ['kafka-port', { kafka: { bootstrapServers: [target.kafka.secure] } }, /it speaks TLS at this port/],
    ['connect-ca', { connect: { ...connect, ca: otherCa } }, /does not answer at .*known authority/],
    ['connect-login', { connect: { ...connect, password } }, /Connect refuses .* with 401/],
  ];
  for (const [name, change, said] of wrong) {
    write(`${name}.json`, { ...target.config, ...change });
    const opened = openExternal({ config: join(folder, `${name}.json`), own: null }, folder);
    const refusal = await opened.then(String, (error: Error & { remedy?: string }) => error);
    expect(refusal, name).toMatchObject({ message: expect.stringMatching(said), remedy: expect.any(String) });
    expect(String(refusal), name).not.toContain('hunter2');
  }
  const { exitCode, stderr } = await lab('status --runtime external', { TARGET_KAFKA: 'hunter2' });
  expect(stderr).toMatch(/refuses the login by SCRAM-SHA-512/);
  expect(stderr).not.toContain('hunter2');
  expect(exitCode).toBe(69);
});

test('a marked target gets the lessons that work over public interfaces, and the others are not run', async () => {
  expect((await lab('config mark --i-own-this-target shop')).exitCode).toBe(0);
  const { exitCode, stdout, stderr } = await lab(
    'run lag schema-change duplicate-resnapshot restart --runtime external --json',
  );
  const run = JSON.parse(stdout);
  const results = (run.results as { scenario: string; verdict: string; runtime: string }[]).map(
    ({ scenario, verdict, runtime }) => [scenario, verdict, runtime],
  );
  expect(results, stderr).toEqual([
    ['lag', 'PASS', 'external'],
    ['schema-change', 'PASS', 'external'],
    ['duplicate-resnapshot', 'PASS', 'external'],
  ]);
  const notRun = (run.notRun as { scenario: string; variant: string; reason: string }[]).map(
    ({ scenario, variant, reason }) => `${scenario} ${variant}: ${reason}`,
  );
  expect(notRun).toHaveLength(5);
  expect(notRun).toContain(
    'restart sound: kill-past-offset: the external runtime cannot kill, start a service',
  );
  expect(notRun.filter((one) => /^[a-z-]+ naive: /.test(one))).toHaveLength(4);
  expect(exitCode).toBe(0);
  // Neither arguments nor records of the lab's own processes hold a secret.
  const record = readFileSync(join(folder, '.lab-external', 'run.json'), 'utf8');
  expect(record).toContain('sslmode=verify-full');
  expect(record).not.toContain(`:${target.env.TARGET_PASSWORD}@`);
  expect((await lab('status --runtime external --deadline 20')).exitCode).toBe(0);
}, 300_000);

test('the lesson that adds a column can be run again, and adds the next column', async () => {
  const { exitCode, stdout, stderr } = await lab('run schema-change --runtime external --json');
  expect(JSON.parse(stdout).results, stderr).toMatchObject([
    { scenario: 'schema-change', variant: 'sound', verdict: 'PASS' },
  ]);
  expect(exitCode).toBe(0);
  const rows = await target.onSource('SELECT DISTINCT tier_2 FROM customers');
  expect(rows.length).toBeGreaterThan(1);
}, 300_000);

test('a run in which nothing could be run is not a success', async () => {
  const [run, heal] = [await lab('run restart --runtime external'), await lab('heal --runtime external')];
  expect(run.exitCode).toBe(2);
  expect(heal.stderr).toContain('nothing to heal');
});

test('clean resumes what a killed run left paused, before it removes the record of it', async () => {
  const run = execa(join(PROJECT_DIR, 'bin/cdc-lab'), 'run lag --seconds 600 --runtime external'.split(' '), {
    ...{ cwd: folder, reject: false, env: target.env },
  });
  let said = '';
  run.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  const tookEffect = async () => said.includes('broken by pause-connector');
  await until(tookEffect, { what: `the connector to be paused: ${said}`, withinMs: 120_000 });
  const held = await lab('clean --runtime external');
  expect(held.stderr).toContain('CDC-5112');
  run.kill('SIGKILL');
  await run;
  expect((await lab('connectors --runtime external')).stdout).toContain('PAUSED');
  const clean = await lab('clean --runtime external');
  expect(clean.exitCode, clean.stderr).toBe(0);
  expect(existsSync(join(folder, '.lab-external'))).toBe(false);
  const { exitCode, stdout } = await lab('connectors --runtime external');
  expect(stdout).not.toContain('PAUSED');
  expect(exitCode).toBe(0);
}, 300_000);

test('in another lab’s folder nothing is started, stopped or removed', async () => {
  const other = join(folder, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'run.json'), '{}');
  for (const command of ['run lag --i-own-this-target shop', 'down', 'clean']) {
    const { exitCode, stderr } = await lab(`${command} --runtime external --dir other`);
    expect(stderr, command).toContain('uses the process runtime, not external');
    expect(exitCode).toBe(69);
  }
  expect(readFileSync(join(other, 'run.json'), 'utf8')).toBe('{}');
  expect((await lab('clean --runtime external')).exitCode).toBe(0);
  expect(existsSync(join(folder, '.lab-external'))).toBe(false);
});

test('the marker of another database permits nothing, and unmark removes it', async () => {
  const [row] = await target.onSource(
    `SELECT obj_description('cdc_lab'::regnamespace, 'pg_namespace') AS comment`,
  );
  const elsewhere = { ...JSON.parse(String(row?.comment)), systemIdentifier: '1' };
  await target.onSource(`COMMENT ON SCHEMA cdc_lab IS '${JSON.stringify(elsewhere)}'`);
  const run = await lab('run lag --runtime external');
  expect(run.stderr).toContain('the marker in shop was made for shop on another server');
  expect(run.exitCode).toBe(64);
  expect((await lab('config unmark')).exitCode).toBe(0);
  expect(await target.onSource(`SELECT 1 FROM pg_namespace WHERE nspname = 'cdc_lab'`)).toEqual([]);
});

test('unmark leaves a schema of the marker’s name that has no marker', async () => {
  await target.onSource('CREATE SCHEMA cdc_lab');
  try {
    expect((await lab('config unmark')).exitCode).toBe(0);
    expect(await target.onSource(`SELECT 1 FROM pg_namespace WHERE nspname = 'cdc_lab'`)).toHaveLength(1);
  } finally {
    await target.onSource('DROP SCHEMA cdc_lab');
  }
});
