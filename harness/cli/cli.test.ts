import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { holdLab } from '../lab/state/lock.ts';
import { NO_PORTS, RunFile } from '../lab/state/run-file.ts';
import { claimStateDir } from '../lab/state/state-dir.ts';
import { emptyReport } from '../reporters/junit.ts';
import { claimReportFile } from './report-file.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs the command in a separate process: its exit code and streams are under test. */
async function cli(...args: string[]) {
  const env = { CDC_LAB_DIR: path.join(dir, 'lab'), NO_COLOR: '1', GITHUB_STEP_SUMMARY: '' };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [MAIN, ...args], { env, reject: false });
  return { exitCode, stdout, stderr };
}

/** Runs a script in which $0 is Node and $1 the command line. */
const shell = (script: string) =>
  execa('sh', ['-c', script, process.execPath, MAIN], { reject: false, env: { NO_COLOR: '1' } });

describe('usage errors exit with 64, on stderr, without a stack trace, and name the nearest', () => {
  it.each([
    [['stauts'], 'Did you mean status?'],
    [['run', 'retsart'], 'Did you mean "restart"?'],
    [['run', 'restart', '--varient', 'naive'], 'Did you mean --variant?'],
    [['run', 'restart', '--variant', 'navie'], 'Allowed choices are sound, naive.'],
    [['run'], 'which scenario?'],
    [['run', '--all', 'lag'], '--all and names of scenarios cannot be combined'],
    [['run', '--all', '--lessons'], 'cannot be used with'],
    [['run', '--kind', 'lesons'], 'Did you mean "lessons"?'],
    [['run', 'lag/slowly'], 'the scenario lag has no cases'],
    [['run', 'truncate/in-one-transction'], 'Did you mean "truncate/in-one-transaction"?'],
    [['trigger', 'truncate'], 'the scenario truncate has several cases'],
    [['trigger', 'truncate/in-one-transaction'], 'needs tables of its own'],
    [['scenarios', '--kind', 'lesons'], 'Did you mean "lessons"?'],
    [['run', 'lag', '--seconds', 'ten'], 'a time is a number from 0 to 86,400'],
    [['run', 'lag', '--seed', '1.5'], 'a seed is a whole number'],
    [['up', '--rate', '1e12'], 'a rate is a whole number from 1 to 1,000,000.'],
    [['up', '--rate', '0'], 'a rate is a whole number from 1 to 1,000,000.'],
    [['up', '--rate', '20', '--no-writer'], 'cannot be used with'],
    [['run', 'lag', '--junit', '/'], '/ cannot be written'],
    [['run', 'lag', '--github-summary'], 'GITHUB_STEP_SUMMARY is not set'],
    [['run', 'lag', '--junit', '/no/such/folder/junit.xml'], 'does not exist'],
    [['run', 'lag', '--pipeline', 'native-replicaton'], 'Did you mean "native-replication"?'],
    [['run', 'lag', '--pipeline', 'kafkajs-upsert', '--variant', 'naive'], 'cannot be used with'],
    [
      ['run', 'lag', '--pipeline', 'kafkajs-upsert', '--runtime', 'docker'],
      'works only with the process runtime',
    ],
    [['trigger', 'restrat'], 'Did you mean "restart"?'],
    [['trigger'], "missing required argument 'lesson'"],
    [['sql', 'sorce', 'SELECT 1'], 'Did you mean "source"?'],
    [[], 'Usage: cdc-lab'],
  ])('%j', async (args, said) => {
    const { exitCode, stdout, stderr } = await cli(...args);
    expect(exitCode).toBe(64);
    expect(stderr).toContain(said);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
  });
});

describe('where no lab is up', () => {
  it.each([
    ['status'],
    ['watch'],
    ['lag'],
    ['connectors'],
    ['heal'],
    ['logs'],
    ['topics'],
    ['trigger', 'lag'],
    ['explain', 'orders', '1'],
    ['env'],
  ])('%s exits with 69 and says how to start one', async (...args) => {
    const { exitCode, stderr } = await cli(...args);
    expect(exitCode).toBe(69);
    expect(stderr).toContain('cdc-lab up');
  });

  it('the command that starts one looks at the folder that was named', async () => {
    const elsewhere = path.join(dir, 'else where');
    for (const command of ['status', 'heal', 'env'])
      expect((await cli(command, '--dir', elsewhere)).stderr).toContain(`cdc-lab up --dir '${elsewhere}'`);
  });

  it('down and clean have nothing to do', async () => {
    expect((await cli('down')).exitCode).toBe(0);
    expect((await cli('clean')).exitCode).toBe(0);
  });
});

describe('while another command changes the lab', () => {
  it.each([['up'], ['down'], ['clean'], ['heal']])('%s is refused, and names it', async (command) => {
    const stateDir = claimStateDir(path.join(dir, 'held'));
    const run = { schemaVersion: 1, runId: 'held', createdAt: '2026-01-01T00:00:00Z' } as const;
    new RunFile(stateDir).create({ ...run, ports: NO_PORTS, services: {}, instances: {} });
    await using _held = await holdLab(stateDir);
    const { exitCode, stderr } = await cli(command, '--dir', stateDir);
    expect(exitCode).toBe(69);
    expect(stderr).toContain(`is in use by pid ${process.pid}`);
    expect(stderr).toContain('CDC-5112');
  });
});

describe('a lab whose run file is spoilt', () => {
  it.each(['', '{"x":', '[]', 'null', '{"schemaVersion":2}'])(
    '%j: doctor says so among the rest',
    async (text) => {
      const stateDir = claimStateDir(path.join(dir, 'spoilt'));
      writeFileSync(path.join(stateDir, 'run.json'), text);
      const { exitCode, stdout, stderr } = await cli('doctor', '--dir', stateDir);
      expect([exitCode, stderr]).toEqual([69, '']);
      expect(stdout).toMatch(/is not a run file of this version[\s\S]*cdc-lab clean[\s\S]*Node[\s\S]*Disk/);
      expect(stdout).toContain(`cdc-lab clean --dir ${stateDir}`);
      expect((await cli('clean', '--dir', stateDir)).exitCode).toBe(0);
    },
  );
});

describe('streams and folders that are not there', () => {
  it('a full stdout is one sentence and 69', async () => {
    const { exitCode, stderr } = await shell('"$0" "$1" scenarios > /dev/full');
    expect(exitCode).toBe(69);
    expect(stderr).toMatch(/^cdc-lab: stdout cannot be written: ENOSPC[^\n]*$/);
  });

  it('a closed stderr changes nothing', async () => {
    expect((await shell('"$0" "$1" scenarios --json 2> /dev/full')).exitCode).toBe(0);
  });

  it('a current folder that was removed is one sentence and 69', async () => {
    const gone = path.join(dir, 'gone');
    const { exitCode, stderr } = await shell(
      `mkdir '${gone}' && cd '${gone}' && rmdir '${gone}' && "$0" "$1" status`,
    );
    expect(exitCode).toBe(69);
    expect(stderr).toContain('the current folder has been removed');
  });
});

describe('a report file', () => {
  it('is a report from the start, and is refused before anything is started where it cannot be written', () => {
    const file = path.join(dir, 'report.xml');
    claimReportFile(file, emptyReport(new Date(0)));
    expect(readFileSync(file, 'utf8')).toContain('it was killed, or goes on');
    expect(() => claimReportFile(path.join(dir, 'no', 'report.xml'), '')).toThrow('does not exist');
    expect(() => claimReportFile(dir, '')).toThrow('cannot be written');
  });

  it('on a disk without room is said at once, and nothing of it is left', async () => {
    const full = path.join(dir, 'full.xml');
    const limit = "trap '' XFSZ; ulimit -f 0";
    const { exitCode, stderr } = await shell(
      `${limit}; "$0" "$1" run lag --junit '${full}' --dir '${dir}/none'`,
    );
    expect(exitCode).toBe(69);
    expect(stderr).toContain(`${full} cannot be written: EFBIG`);
    expect([existsSync(full), existsSync(path.join(dir, 'none'))]).toEqual([false, false]);
  });
});

describe('--help', () => {
  it('goes to stdout, exits with 0, and teaches by examples', async () => {
    const { exitCode, stdout } = await cli('--help');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Examples:');
    for (const name of [
      'up',
      'down',
      'clean',
      'status',
      'watch',
      'run',
      'trigger',
      'heal',
      'doctor',
      'sql',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
  });
});

describe('scenarios', () => {
  it('prints what can be run, and as JSON with a version', async () => {
    const { stdout } = await cli('scenarios', '--json');
    const { schemaVersion, scenarios } = JSON.parse(stdout);
    expect(schemaVersion).toBe(1);
    const one = scenarios.find(({ id }: { id: string }) => id === 'duplicate-resnapshot');
    expect(one).toMatchObject({ kind: 'lessons', needs: [], cites: 'GUIDE.md, lesson 4' });
    expect(one.right).toMatch(/^PASS, /);
    expect(one.wrong).toMatch(/^FAIL duplicate @sink, /);
  });

  it('takes shared options before and after the name of the command', async () => {
    const [before, after] = [await cli('--json', 'scenarios'), await cli('scenarios', '--json')];
    expect(before.stdout).toBe(after.stdout);
  });
});

describe('--version', () => {
  it('goes to stdout and exits with 0', async () => {
    const { exitCode, stdout, stderr } = await cli('--version');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^cdc-lab \d/);
  });
});

describe('colours', () => {
  it.each([
    [{ FORCE_COLOR: '1', NO_COLOR: '' }, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    [{ FORCE_COLOR: '', NO_COLOR: '' }, false],
  ])('with %j, off a terminal: %s', async (env, isColored) => {
    const { stdout } = await execa(process.execPath, [MAIN, 'scenarios'], { env });
    expect(stdout.includes('\u001b[')).toBe(isColored);
  });
});
