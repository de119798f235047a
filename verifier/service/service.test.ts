import { appendFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { History } from './history.ts';
import { createServer, portOf } from './server.ts';
import { pauseAfter, VerifierService } from './service.ts';

const NOWHERE = 'postgres://postgres@127.0.0.1:9/none';
const raw = (stateDir: string) => ({
  ...{ port: 0, stateDir, kafka: null, deadlineMs: 300 },
  ...{ source: { url: NOWHERE, slot: null }, sink: { url: NOWHERE } },
});

const report = (n: number): Report => ({
  ...{ schemaVersion: 1, verdict: 'PASS', at: new Date(n).toISOString(), durationMs: n, coverage: 1 },
  ...{ window: { fromLsn: null, toLsn: null }, tables: [], checks: [], findings: [] },
  ...{ progress: null, ledger: null, deliveries: null, connectors: [] },
});

test('an unknown key is refused by its path, and the nearest key is suggested', () => {
  const inner = { ...raw('x'), source: { url: NOWHERE, slot: null, publicatoin: 'p' } };
  expect(() => parseConfig(inner, 'f.json')).toThrow(
    "The verifier's configuration f.json is not valid: source.publicatoin is not known; did you mean publication?",
  );
  expect(() => parseConfig({ ...raw('x'), everyMS: 1 }, 'f.json')).toThrow(
    /everyMS is not known; did you mean everyMs\?$/,
  );
  expect(() => parseConfig({ ...inner, everyMS: 1 }, 'f.json')).toThrow(
    'source.publicatoin is not known; did you mean publication? (and 1 more).',
  );
});

test('a password that would cross a network unencrypted is refused', () => {
  const auth = { username: 'lab', password: '${env:SECRET}' };
  const at =
    (url: string, otherUrls: string[] = []) =>
    () =>
      parseConfig({ ...raw('x'), connectors: [{ name: 's', type: 'sink', url, otherUrls, auth }] }, 'f.json');
  expect(at('http://connect:8083')).toThrow(/connectors\.0\.url: http sends the password unencrypted/);
  expect(at('https://connect:8083', ['http://connect:8084'])).toThrow(
    /connectors\.0\.otherUrls\.0: http sends/,
  );
  expect(at('https://connect:8083', ['http://127.0.0.1:8084'])).not.toThrow();
});

test('the history outlives the verifier, keeps the newest reports, and leaves out a line torn by a kill', () => {
  const dir = makeTestFolder();
  const first = new History(dir, 3);
  for (let n = 1; n <= 8; n++) first.add(report(n));
  appendFileSync(join(dir, 'reports.ndjson'), '{"schemaVersion":1,"verd');
  const second = new History(dir, 3);
  expect(second.list().map(({ durationMs }) => durationMs)).toEqual([6, 7, 8]);
  second.add(report(9));
  expect(new History(dir, 3).list().map(({ durationMs }) => durationMs)).toEqual([7, 8, 9]);
});

test('the service answers over HTTP, and only requests to its loopback address', async () => {
  const service = new VerifierService(parseConfig(raw(makeTestFolder()), 'test'), await loadChecks());
  const server = createServer(service);
  await server.listen({ host: '127.0.0.1', port: 0 });
  try {
    const host = `127.0.0.1:${portOf(server)}`;
    const get = (url: string, headers: Record<string, string> = {}) =>
      server.inject({ method: 'GET', url, headers: { host, ...headers } });
    expect((await get('/report')).statusCode).toBe(404);
    const made = await server.inject({
      method: 'POST',
      url: '/verify',
      headers: { host },
      payload: { deadlineMs: 200 },
    });
    expect(made.json()).toMatchObject({ schemaVersion: 1, verdict: 'INCONCLUSIVE' });
    expect((await get('/report')).json()).toEqual(made.json());
    expect((await get('/report/history')).json()).toEqual({ schemaVersion: 1, reports: [made.json()] });
    expect((await get('/metrics')).body).toContain('cdc_verifier_verdict{verdict="INCONCLUSIVE"} 1');
    expect((await get('/findings')).json()).toEqual({ schemaVersion: 1, findings: [] });
    expect((await get('/findings?state=mended')).statusCode).toBe(400);
    expect((await get('/health')).json()).toMatchObject({ status: 'ok', verdict: 'INCONCLUSIVE' });
    const bad = await server.inject({
      method: 'POST',
      url: '/verify',
      headers: { host },
      payload: { deadline: 1 },
    });
    expect(bad.statusCode).toBe(400);
    expect((await get('/report', { host: 'evil.example' })).statusCode).toBe(403);
    expect((await get('/report', { host: 'verifier-lab:8083' })).statusCode).toBe(403);
    expect((await get('/report', { origin: 'http://evil.example' })).statusCode).toBe(403);
  } finally {
    await server.close();
    await service.stop();
  }
});

test('an answer comes within its time, whatever there is to wait for, and says what that is', async () => {
  // It accepts connections and never says a word, as a server does that is stopped.
  const sockets: Socket[] = [];
  const silent = createTcpServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const url = `postgres://postgres@127.0.0.1:${(silent.address() as AddressInfo).port}/none`;
  const config = { ...raw(makeTestFolder()), source: { url, slot: null }, sink: { url } };
  const service = new VerifierService(parseConfig(config, 'test'), await loadChecks());
  const timed = async (): Promise<readonly [Report, number]> => {
    const startedMs = performance.now();
    const report = await service.verifyWithin(200);
    return [report, performance.now() - startedMs];
  };
  const [first, firstMs] = await timed();
  const [second, secondMs] = await timed();
  for (const { verdict, checks } of [first, second]) {
    expect([verdict, checks.map(({ check }) => check)]).toEqual(['INCONCLUSIVE', ['deadline']]);
  }
  expect(first.checks[0]?.detail).toMatch(
    /^no answer within 0\.2 s: the verification has been under way for .* s; ask again with a longer deadline, such as 5 s$/,
  );
  expect(second.checks[0]?.detail).toMatch(/the verification that had begun before has not ended; ask again/);
  expect(Math.max(firstMs, secondMs)).toBeLessThan(1_200);
  silent.close();
  for (const socket of sockets) socket.destroy();
  await service.stop();
});

test('a request that must be answered soon is not kept waiting by one with which it shares a verification', async () => {
  const service = new VerifierService(parseConfig(raw(makeTestFolder()), 'test'), await loadChecks());
  const startedMs = performance.now();
  const timed = async (run: Promise<Report>): Promise<readonly [Report, number]> => [
    await run,
    performance.now() - startedMs,
  ];
  const [[patient, patientMs], [soon, soonMs]] = await Promise.all([
    timed(service.verify(2_500)),
    timed(service.verifyWithin(400)),
  ]);
  // Both get a verdict of a verification, the patient one after all of its time.
  for (const { checks } of [patient, soon])
    expect(checks.map(({ check }) => check)).not.toContain('deadline');
  expect(soonMs).toBeLessThan(1_500);
  expect(patientMs).toBeGreaterThan(2_400);
  expect(service.history.list()).toHaveLength(2);
  await service.stop();
});

test('a request that shares with none gets one verification, however it ends', async () => {
  const service = new VerifierService(parseConfig(raw(makeTestFolder()), 'test'), await loadChecks());
  await service.verify(100);
  await service.verifyWithin(100);
  expect(service.history.list()).toHaveLength(2);
  await service.stop();
});

test('the longest deadline of the command line is accepted, and no longer one', async () => {
  const service = new VerifierService(parseConfig(raw(makeTestFolder()), 'test'), []);
  const server = createServer(service);
  const longest = 86_400_000;
  // A report at once: only the request is under test.
  service.verify = async () => report(1);
  service.verifyWithin = async () => report(2);
  try {
    await server.listen({ host: '127.0.0.1', port: 0 });
    const host = `127.0.0.1:${portOf(server)}`;
    const ask = async (payload: object) =>
      (await server.inject({ method: 'POST', url: '/verify', headers: { host }, payload })).statusCode;
    expect([await ask({ deadlineMs: longest }), await ask({ withinMs: longest })]).toEqual([200, 200]);
    expect([await ask({ deadlineMs: longest + 1 }), await ask({ withinMs: longest + 1 })]).toEqual([
      400, 400,
    ]);
  } finally {
    await server.close();
    await service.stop();
  }
});

test('full verifications take no more than their share of the time, and none comes before the interval has passed', () => {
  expect(pauseAfter(100, 5_000, 0.1)).toBe(5_000);
  expect(pauseAfter(10_000, 5_000, 0.1)).toBe(90_000);
  expect(pauseAfter(10_000, 5_000, 1)).toBe(5_000);
});

/** A line of OpenMetrics text other than a comment: name, labels, value. */
const SAMPLE =
  /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*"(,[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*")*\})? -?[0-9.e+-]+$/;

test('a scraper gets the format that it requests; OpenMetrics ends with # EOF and names counters without _total', async () => {
  const service = new VerifierService(parseConfig(raw(makeTestFolder()), 'test'), []);
  await service.verify(50);
  const server = createServer(service);
  await server.listen({ host: '127.0.0.1', port: 0 });
  try {
    const host = `127.0.0.1:${portOf(server)}`;
    const scrape = (accept?: string) =>
      server.inject({ url: '/metrics', headers: { host, ...(accept === undefined ? {} : { accept }) } });
    const open = await scrape('application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5');
    expect(open.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const lines = open.body.split('\n');
    expect(lines.slice(-2)).toEqual(['# EOF', '']);
    expect(lines.filter((line) => line === '# EOF')).toHaveLength(1);
    expect(lines).toContain('# TYPE cdc_verifier_verifications counter');
    expect(lines).toContain('cdc_verifier_verifications_total{verdict="INCONCLUSIVE"} 1');
    expect(lines).toContain('cdc_verifier_kept_findings{state="open"} 0');
    const samples = lines.filter((line) => line !== '' && !line.startsWith('#'));
    expect(samples.length).toBeGreaterThan(20);
    expect(samples.filter((line) => !SAMPLE.test(line))).toEqual([]);
    const plain = await scrape();
    expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(plain.body).not.toContain('# EOF');
    expect(plain.body).toContain('# TYPE cdc_verifier_verifications_total counter');
  } finally {
    await server.close();
    await service.stop();
  }
});

test('an unknown key of the webhook is refused by name, and so is an invalid address', () => {
  const url = 'http://127.0.0.1:1/x';
  expect(() => parseConfig({ ...raw('x'), webhook: { url, header: {} } }, 'f')).toThrow(
    /webhook.header is not known; did you mean headers\?/,
  );
  expect(() => parseConfig({ ...raw('x'), webhook: { url: 'file:///etc/x' } }, 'f')).toThrow(/webhook.url/);
});
