import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { reportSchema } from '../../verifier/report.ts';
import { type DatabasePair, databasePair } from '../../verifier/testing/databases.ts';

// Processes of their own, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 300_000 });

const MAIN = path.join(import.meta.dirname, 'main.ts');

/** Runs the command in a separate process: its exit code and streams are under test. Passwords go to its stdin. */
async function verify(pair: DatabasePair, ...args: string[]) {
  const [source, sink] = [new URL(pair.sourceUrl), new URL(pair.sinkUrl)];
  const passwords = [source.password || 'none', sink.password || 'none'].map(decodeURIComponent);
  const [from, to] = [source, sink].map((url) => Object.assign(url, { password: '' }).href);
  const all = [MAIN, 'verify', '--source', `${from}`, '--sink', `${to}`, '--password-stdin', ...args];
  const options = { reject: false, input: `${passwords.join('\n')}\n`, env: { NO_COLOR: '1' } } as const;
  const { exitCode, stdout, stderr } = await execa(process.execPath, all, options);
  for (const password of passwords) if (password !== 'none') expect(stdout + stderr).not.toContain(password);
  return { exitCode, stdout, stderr };
}

test('verify exits by its verdict, prints one report, and JSON lines where it goes on', async () => {
  await using pair = await databasePair();
  await pair.onBoth(
    `CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items VALUES (1, 'a'), (2, 'b')`,
  );
  const equal = await verify(pair, '--fence', 'quiesce', '--json');
  expect(reportSchema.parse(JSON.parse(equal.stdout))).toMatchObject({ verdict: 'PASS', coverage: 1 });
  expect(equal.exitCode).toBe(0);
  const unneeded = path.join(makeTestFolder(), 'mend.sql');
  const nothing = await verify(pair, '--fence', 'none', '--repair', unneeded);
  expect(nothing).toMatchObject({ stderr: expect.stringContaining(`nothing to repair: ${unneeded} is not`) });
  expect(existsSync(unneeded)).toBe(false);

  await pair.onSink(`UPDATE items SET name = 'secret value' WHERE id = 2`);
  const wrong = await verify(pair, '--fence', 'none');
  expect(wrong.exitCode).toBe(1);
  expect(wrong.stdout).toMatch(/^FAIL +1 corrupted @\w+ in public\.items \(name\)\n +id 2\b/m);
  expect(wrong.stdout).not.toContain('secret value');

  const file = path.join(mkdtempSync(path.join(tmpdir(), 'cdc-lab-verify-')), 'mend.sql');
  const repaired = await verify(pair, '--fence', 'none', '--repair', file);
  expect(repaired.stdout + repaired.stderr).not.toContain('secret value');
  expect(repaired).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/FAIL.*corrupted/) });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).toContain('UPDATE "public"."items" SET "name" =');
  const refused = await verify(pair, '--fence', 'none', '--repair', file);
  expect(refused).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('EEXIST') });

  const list = path.join(path.dirname(file), 'again.sql');
  await verify(pair, '--fence', 'none', '--republish', list, '--snapshot-bound', '20');
  expect(statSync(list).mode & 0o777).toBe(0o600);
  expect(readFileSync(list, 'utf8')).toContain("'execute-snapshot'");
  rmSync(path.dirname(file), { recursive: true });

  const twice = await verify(pair, '--fence', 'none', '--json', '--every', '0.2s', '--count', '2');
  const verdicts = twice.stdout.split('\n').map((line) => reportSchema.parse(JSON.parse(line)).verdict);
  expect({ verdicts, exitCode: twice.exitCode }).toEqual({ verdicts: ['FAIL', 'FAIL'], exitCode: 1 });
});

test('with --state, the second run knows what the first one saw; without, it says that it cannot know', async () => {
  await using pair = await databasePair();
  await pair.onSource('CREATE TABLE items (id int PRIMARY KEY, n int); INSERT INTO items VALUES (1, 1)');
  await pair.onSink(`CREATE TABLE items (id int PRIMARY KEY, n int, _cdc_position text);
    INSERT INTO items VALUES (1, 0, NULL)`);
  const state = path.join(makeTestFolder(), 'seen');
  expect((await verify(pair, '--fence', 'none', '--state', state)).exitCode).toBe(1);
  await pair.onSink('UPDATE items SET n = 1');
  const blind = await verify(pair, '--fence', 'none');
  expect(blind.exitCode).toBe(1);
  expect(blind.stdout).toContain('a fault that is over looks like one of now: with --state and a folder');
  const known = await verify(pair, '--verbose', '--fence', 'none', '--state', state);
  expect(known.stdout).toContain('healed: 1 rows of public.items were written by no event');
  expect(known.exitCode).toBe(0);
  const file = path.join(makeTestFolder(), 'file');
  writeFileSync(file, '');
  const refused = await verify(pair, '--fence', 'none', '--state', file);
  expect(refused).toMatchObject({
    exitCode: 64,
    stderr: expect.stringContaining(`--state ${file} is not a folder`),
  });
});

test('an absent copy exits with 1, and a map that names nothing with 64 and the nearest name', async () => {
  await using pair = await databasePair();
  await pair.onSource('CREATE TABLE t (id int PRIMARY KEY)');
  await pair.onSink('CREATE SCHEMA archive; CREATE TABLE archive.t (id int PRIMARY KEY)');
  const absent = await verify(pair, '--fence', 'none');
  expect(absent).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/absent.*no table public\.t/) });
  const slip = await verify(pair, '--fence', 'none', '--map', 'public.t=archiv.t');
  expect(slip).toMatchObject({ exitCode: 64, stdout: '' });
  expect(slip.stderr).toContain(
    '--map maps public.t to archiv.t, which the sink does not have: did you mean archive.t?',
  );
});

test('passwords come from the environment and from a pgpass file too, and are printed nowhere', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)`);
  const role = `keyed_${new URL(pair.sourceUrl).pathname.slice(-12)}`;
  const secrets = ['fromTheEnvironment7', 'from:the\\pgpass7'];
  const dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-verify-'));
  const asRole = (url: string): URL => Object.assign(new URL(url), { username: role, password: '' });
  const [from, to] = [asRole(pair.sourceUrl), asRole(pair.sinkUrl)];
  const grants = (secret: string) =>
    `CREATE ROLE ${role} LOGIN PASSWORD '${secret}'; GRANT USAGE ON SCHEMA public TO ${role};
     GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`;
  await pair.onSource(grants(secrets[0] ?? ''));
  await pair.onSink(grants(secrets[1] ?? ''));
  try {
    const pgpass = path.join(dir, 'pgpass');
    const escaped = (secrets[1] ?? '').replaceAll(/[\\:]/g, '\\$&');
    writeFileSync(pgpass, `${to.hostname}:${to.port}:*:${role}:${escaped}\n`, { mode: 0o600 });
    const args = [MAIN, 'verify', '--source', from.href, '--sink', to.href, '--fence', 'none', '--debug'];
    const run = async (env: Record<string, string>) =>
      await execa(process.execPath, args, {
        reject: false,
        input: '',
        env: { NO_COLOR: '1', PGPASSWORD: undefined, ...env },
      });
    const good = await run({ CDC_LAB_SOURCE_PASSWORD: secrets[0] ?? '', PGPASSFILE: pgpass });
    expect(`${good.exitCode} ${good.stderr}`).toMatch(/^0/);
    expect(good.stdout).toContain('PASS');
    for (const secret of secrets) expect(`${good.stdout}${good.stderr}`).not.toContain(secret);
  } finally {
    rmSync(dir, { recursive: true });
    await pair.onBoth(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

test('a list of tables on the command line is split at the commas outside of quotes', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE "a,b" (id int PRIMARY KEY); CREATE TABLE "c=d" (id int PRIMARY KEY)');
  await pair.onSource('CREATE TABLE "e.f" (id int PRIMARY KEY)');
  await pair.onSink('ALTER TABLE "c=d" RENAME TO "x,y"');
  const args = ['--fence', 'none', '--json', '--tables', '"a,b",public."c=d"', '--map', '"c=d"="x,y"'];
  const { exitCode, stdout } = await verify(pair, ...args);
  expect(exitCode).toBe(0);
  expect(reportSchema.parse(JSON.parse(stdout)).tables.map(({ table }) => table)).toEqual([
    'public."a,b"',
    'public."c=d"',
  ]);
});
