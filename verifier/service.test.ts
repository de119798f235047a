import { appendFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from './config.ts';
import { History } from './history.ts';
import { loadChecks } from './plugins.ts';
import type { Report } from './report.ts';
import { createServer, portOf } from './server.ts';
import { VerifierService } from './service.ts';

const NOWHERE = 'postgres://postgres@127.0.0.1:9/none';
const folder = (): string => mkdtempSync(join(tmpdir(), 'verifier-'));
const raw = (stateDir: string) => ({
  ...{ port: 0, stateDir, kafka: null, deadlineMs: 300 },
  ...{ source: { url: NOWHERE, slot: null }, sink: { url: NOWHERE } },
});

const report = (n: number): Report => ({
  ...{ schemaVersion: 1, verdict: 'PASS', at: new Date(n).toISOString(), durationMs: n, coverage: 1 },
  ...{ window: { fromLsn: null, toLsn: null }, tables: [], checks: [], findings: [] },
  ...{ progress: null, ledger: null, deliveries: null, connectors: [] },
});

test('an unknown key is refused by its path, with the nearest known one', () => {
  const wrong = { ...raw('x'), everyMS: 1, source: { url: NOWHERE, slot: null, publicatoin: 'p' } };
  expect(() => parseConfig(wrong, 'f.json')).toThrow(/everyMS is not known; did you mean everyMs\?/);
  expect(() => parseConfig(wrong, 'f.json')).toThrow(
    /source.publicatoin is not known; did you mean publication\?/,
  );
});

test('the history outlives the verifier, keeps the newest, and leaves out a line that a kill has torn', () => {
  const dir = folder();
  const first = new History(dir, 3);
  for (let n = 1; n <= 8; n++) first.add(report(n));
  appendFileSync(join(dir, 'reports.ndjson'), '{"schemaVersion":1,"verd');
  const second = new History(dir, 3);
  expect(second.list().map(({ durationMs }) => durationMs)).toEqual([6, 7, 8]);
  second.add(report(9));
  expect(new History(dir, 3).list().map(({ durationMs }) => durationMs)).toEqual([7, 8, 9]);
});

test('the service reports over HTTP, and only to its own loopback address', async () => {
  const service = new VerifierService(parseConfig(raw(folder()), 'test'), await loadChecks());
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
