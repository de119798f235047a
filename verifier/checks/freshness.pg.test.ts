import { expect, test } from 'vitest';
import type { CheckResult } from '../check.ts';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { contextOf } from '../testing/context.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import check from './freshness.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, _cdc_op text, _cdc_source_ts timestamptz, _cdc_received_at timestamptz)`;

/** Rows that took `tookMs` from commit to sink, and arrived `agoMinutes` ago. */
const rows = (from: number, count: number, tookMs: number, op = 'u', agoMinutes = 1): string =>
  `INSERT INTO items SELECT i, '${op}', at - interval '${tookMs} milliseconds', at
   FROM generate_series(${from}, ${from + count - 1}) i, (SELECT now() - interval '${agoMinutes} minutes' AS at) t`;

async function run(pair: DatabasePair, freshnessP99Ms: number | null): Promise<CheckResult> {
  const copies = await readCatalogue(pair.sink);
  const catalogues = async () => ({
    source: new Map(),
    copies,
    expected: [],
    unknown: [],
    absent: [],
    misnamed: [],
  });
  const config = { thresholds: { freshnessP99Ms } };
  return await check.run(
    contextOf({ config, databases: { sink: async () => pair.sink }, evidence: { catalogues } }),
  );
}

test('changes within the objective are a PASS, with their percentiles', async () => {
  await using pair = await databasePair();
  await pair.onSink(`${ITEMS}; ${rows(1, 100, 40)}`);
  const result = await run(pair, 1_000);
  expect(result).toMatchObject({ verdict: 'PASS', findings: [] });
  expect(result.detail).toBe('public.items p50 40 ms, p95 40 ms, p99 40 ms');
});

test('a 99th percentile above the objective is a WARN for that table, even if the median is below it', async () => {
  await using pair = await databasePair();
  await pair.onSink(`${ITEMS}; ${rows(1, 95, 40)}; ${rows(200, 5, 9_000)}`);
  const result = await run(pair, 1_000);
  expect(result.verdict).toBe('WARN');
  expect(result.findings).toMatchObject([{ class: 'alert', table: 'public.items', verdict: 'WARN' }]);
  expect(result.detail).toBe('public.items p50 40 ms, p95 488 ms, p99 9 s');
});

test('without an objective, the figures are reported and not judged', async () => {
  await using pair = await databasePair();
  await pair.onSink(`${ITEMS}; ${rows(1, 10, 60_000)}`);
  expect(await run(pair, null)).toMatchObject({
    verdict: 'PASS',
    detail: expect.stringContaining('p99 1 min'),
  });
});

test('rows of a snapshot and rows that arrived long ago are left out', async () => {
  await using pair = await databasePair();
  await pair.onSink(`${ITEMS}; ${rows(1, 10, 3_600_000, 'r')}; ${rows(50, 10, 3_600_000, 'u', 60)}`);
  expect(await run(pair, 1_000)).toMatchObject({
    verdict: 'PASS',
    detail: 'no change arrived in the last 10 minutes',
  });
});

test('a table without times is left out; with an objective, the verdict is then INCONCLUSIVE', async () => {
  await using pair = await databasePair();
  await pair.onSink(`CREATE TABLE plain (id int PRIMARY KEY); ${ITEMS}; ${rows(1, 10, 40)}`);
  expect(await run(pair, null)).toMatchObject({ verdict: 'PASS', findings: [] });
  const blind = await run(pair, 1_000);
  expect(blind.verdict).toBe('INCONCLUSIVE');
  expect(blind.detail).toContain('the sink does not record when rows of public.plain');
});
