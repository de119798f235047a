import { afterEach, expect, test, vi } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig } from '../config.ts';
import { Database } from '../connection/postgres.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { fakeCapture } from '../testing/capture.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { verify } from './verify.ts';

const state = vi.hoisted(() => ({ hasSettings: false }));
vi.mock('../observe/capture-settings.ts', async (original) => {
  const { captureSettings } = await original<typeof import('../observe/capture-settings.ts')>();
  return {
    captureSettings: async (config: Parameters<typeof captureSettings>[0]) => {
      state.hasSettings = true;
      return await captureSettings(config);
    },
  };
});

afterEach(() => {
  state.hasSettings = false;
});

/** A table whose only row is as configured, and one that is equal. */
async function asConfigured(): Promise<DatabasePair> {
  const pair = await databasePair();
  await pair.onBoth(
    'CREATE TABLE items (id int PRIMARY KEY, v interval); CREATE TABLE others (id int PRIMARY KEY)',
  );
  await pair.onSource(`INSERT INTO items VALUES (1, '1 mon')`);
  await pair.onSink(`INSERT INTO items VALUES (1, '730:30:00')`);
  await pair.onBoth('INSERT INTO others VALUES (1)');
  return pair;
}

/** Verifies; the first digest of the copy of items for which `when` is true fails once. */
async function verifiedWith(pair: DatabasePair, error: Error, when: () => boolean): Promise<Report> {
  const query = Database.prototype.query;
  let failed = 0;
  using _ = vi.spyOn(Database.prototype, 'query').mockImplementation(function (this: Database, sql, ...rest) {
    const isDigest = this.side === 'sink' && sql.includes('string_agg(b ||') && sql.includes('"items"');
    if (isDigest && failed === 0 && when()) {
      failed++;
      return Promise.reject(error);
    }
    return query.call(this, sql, ...rest);
  });
  await using capture = await fakeCapture({});
  const raw = {
    ...{ port: 0, stateDir: makeTestFolder(), kafka: null, connectors: [capture.connector] },
    ...{ source: { url: pair.sourceUrl, slot: null }, sink: { url: pair.sinkUrl } },
  };
  const report = await verify({
    config: parseConfig(raw, 'test'),
    checks: await loadChecks(),
    deadlineMs: 10_000,
  });
  expect(failed).toBe(1);
  return report;
}

test('a table that was altered while it was scanned is compared under the settings of the capture, too', async () => {
  await using pair = await asConfigured();
  const altered = Object.assign(new Error('column "v" does not exist'), { code: '42703' });
  const report = await verifiedWith(pair, altered, () => true);
  expect(report).toMatchObject({ verdict: 'WARN', findings: [{ class: 'as-configured' }] });
});

test('a table that cannot be scanned again under the settings of the capture costs no other table its answer', async () => {
  await using pair = await asConfigured();
  const report = await verifiedWith(pair, new Error('the disk is full'), () => state.hasSettings);
  const verdicts = report.tables.map(({ table, verdict }) => [table, verdict]);
  expect(verdicts.toSorted()).toEqual([
    ['public.items', 'INCONCLUSIVE'],
    ['public.others', 'PASS'],
  ]);
  expect(JSON.stringify(report.checks)).toContain('the disk is full');
});
