import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { cuttingProxy } from '../testing/cutting-proxy.ts';
import type { DatabasePair } from '../testing/databases.ts';
import { shop } from '../testing/shop.ts';
import { verify } from './verify.ts';

/** A pair with one wrong row: whatever happens to the verifier, PASS would be a false green. */
async function wrongShop(): Promise<DatabasePair> {
  const pair = await shop();
  await pair.onSink('UPDATE orders SET amount = 0 WHERE id = 50');
  return pair;
}

const rawConfig = (pair: DatabasePair, own: Partial<VerifierConfigInput> = {}): VerifierConfigInput => ({
  ...{ port: 0, stateDir: makeTestFolder(), kafka: null, deadlineMs: 800 },
  ...{ source: { url: pair.sourceUrl, slot: null }, sink: { url: pair.sinkUrl }, fence: 'settle' },
  ...own,
});

async function report(pair: DatabasePair, own: Partial<VerifierConfigInput> = {}): Promise<Report> {
  const config = parseConfig(rawConfig(pair, own), 'test');
  return await verify({ config, checks: await loadChecks(), deadlineMs: config.deadlineMs });
}

/** Where the answers of a server are cut, as a share of all bytes that a verification reads from it. */
const PLACES = [0.02, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 0.98];

test.each(['source', 'sink'] as const)(
  'wherever the connection to the %s breaks for good, a wrong row is a FAIL or the verdict is INCONCLUSIVE',
  async (side) => {
    await using pair = await wrongShop();
    const through = async (afterBytes: number): Promise<{ made: Report; bytes: number; isCut: boolean }> => {
      await using proxy = await cuttingProxy(side === 'source' ? pair.sourceUrl : pair.sinkUrl, afterBytes);
      const { url } = proxy;
      const made = await report(
        pair,
        side === 'source' ? { source: { url, slot: null } } : { sink: { url } },
      );
      return { made, bytes: proxy.bytes(), isCut: proxy.isCut() };
    };
    const whole = await through(Number.POSITIVE_INFINITY);
    expect(whole.made.verdict).toBe('FAIL');
    const verdicts: string[] = [];
    for (const place of PLACES) {
      const { made, isCut } = await through(Math.floor(whole.bytes * place));
      // If the connection broke, a check or table says so, even beside a FAIL.
      if (isCut) {
        const open = [...made.checks, ...made.tables].filter(({ verdict }) => verdict === 'INCONCLUSIVE');
        expect([place, open.length > 0]).toEqual([place, true]);
      }
      verdicts.push(made.verdict);
    }
    expect(verdicts.filter((verdict) => !['FAIL', 'INCONCLUSIVE'].includes(verdict))).toEqual([]);
    expect(verdicts[0]).toBe('INCONCLUSIVE');
  },
);

test('a verifier without enough time is INCONCLUSIVE, and never a PASS', async () => {
  await using pair = await wrongShop();
  const starved = await report(pair, { compareTimeoutMs: 1 });
  expect(starved.verdict).toBe('INCONCLUSIVE');
  expect(starved.coverage).toBe(0);
});

/** Starts a verifier as a separate process. */
async function started(config: VerifierConfigInput): Promise<{ process: ChildProcess; url: string }> {
  const file = join(config.stateDir, 'config.json');
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(process.execPath, ['verifier/main.ts', '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { process: child, url: (JSON.parse(String(line)) as { listening: string }).listening };
}

async function gone(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

const get = async (url: string): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

test('a verifier that is killed or stopped during a verification leaves no verdict, and its successor does not invent one', async () => {
  await using pair = await wrongShop();
  const config = rawConfig(pair, { deadlineMs: 20_000 });
  const locker = new pg.Client({ connectionString: pair.sinkUrl });
  await locker.connect();
  const first = await started(config);
  let second: Awaited<ReturnType<typeof started>> | null = null;
  try {
    // The scan of this table waits for the lock, which keeps the verification running.
    await locker.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
    const asked = fetch(`${first.url}/verify`, { method: 'POST', signal: AbortSignal.timeout(30_000) });
    const answer = asked.then(
      () => 'answered',
      () => 'no answer',
    );
    const waiting = async (): Promise<number> => {
      const sql = `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
                   AND application_name LIKE 'cdc-lab verifier%' AND wait_event_type = 'Lock'`;
      // Another connection is needed, because a transaction keeps its first snapshot of pg_stat_activity.
      return (await pair.sink.query(sql)).length;
    };
    await expect.poll(waiting, { timeout: 30_000 }).toBeGreaterThan(0);
    // A stopped process does not answer, and so gives no verdict.
    first.process.kill('SIGSTOP');
    const silent = fetch(`${first.url}/report`, { signal: AbortSignal.timeout(500) });
    await expect(silent).rejects.toThrow(/timeout|abort/i);
    await gone(first.process, 'SIGKILL');
    expect(await answer).toBe('no answer');
    await locker.query('ROLLBACK');
    second = await started(config);
    expect((await get(`${second.url}/report`)).status).toBe(404);
    expect((await get(`${second.url}/health`)).body).toMatchObject({ verdict: null, lastReportAt: null });
    const made = await fetch(`${second.url}/verify`, { method: 'POST', signal: AbortSignal.timeout(30_000) });
    expect(await made.json()).toMatchObject({ verdict: 'FAIL' });
    expect((await get(`${second.url}/findings?state=open`)).body).toMatchObject({
      findings: [{ check: 'corrupted-rows', table: 'public.orders', first: { key: { id: '50' } } }],
    });
  } finally {
    await gone(first.process, 'SIGKILL');
    if (second !== null) await gone(second.process, 'SIGTERM');
    await locker.end();
  }
});
