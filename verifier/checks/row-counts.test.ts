import { expect, test } from 'vitest';
import type { CheckResult } from '../check.ts';
import type { TableComparison } from '../compare/table-comparison.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { cataloguesOf, contextOf } from '../testing/context.ts';
import type { Content, TableContent } from '../verification/comparison.ts';
import check from './row-counts.ts';

type Planted = Partial<Omit<TableComparison, 'counts'>> & { counts?: Partial<TableComparison['counts']> };

const tableOf = (id: string): Table => ({ id, schema: 'public', name: id }) as Table;

function counted(id: string, planted: Planted | string): TableContent {
  const empty = { missing: 0, extra: 0, stale: 0, corrupted: 0, duplicate: 0 };
  const shared = { table: tableOf(id), attributed: [], history: null };
  if (typeof planted === 'string') return { ...shared, comparison: null, problem: planted };
  const comparison = {
    ...{
      table: tableOf(id),
      sourceRows: 10,
      sinkRows: 10,
      equal: true,
      wrong: [],
      inFlight: [],
      stopped: null,
    },
    ...planted,
    counts: { ...empty, ...planted.counts },
  } as unknown as TableComparison;
  return { ...shared, comparison, problem: null };
}

async function run(tables: readonly TableContent[], unknown: readonly string[] = []): Promise<CheckResult> {
  const compared = tables.filter(({ comparison }) => comparison !== null).length;
  const coverage = compared / (tables.length + unknown.length);
  return await check.run(
    contextOf({
      evidence: {
        content: async () => ({ tables, coverage, comparison: null }) satisfies Content,
        catalogues: async () => cataloguesOf({ unknown }),
      },
    }),
  );
}

test('equal counts of every table are a PASS', async () => {
  const result = await run([counted('public.a', {}), counted('public.b', {})]);
  expect(result).toEqual({ verdict: 'PASS', detail: '2 tables, all of them counted', findings: [] });
});

test.each([
  ['fewer rows', { sinkRows: 7, counts: { missing: 3 } }, '10 rows at the source, 7 in the sink'],
  ['more rows', { sinkRows: 11, counts: { extra: 1 } }, '10 rows at the source, 11 in the sink'],
  ['rows twice', { sinkRows: 20, counts: { duplicate: 10 } }, '10 rows at the source, 20 in the sink'],
  [
    'as many rows, one missing and one extra',
    { counts: { missing: 1, extra: 1 } },
    '10 rows at the source, 10 in the sink',
  ],
])('%s in the sink are a FAIL that names the table and both counts', async (_, planted, counts) => {
  const result = await run([counted('public.a', {}), counted('public.b', planted)]);
  expect(result).toMatchObject({ verdict: 'FAIL', detail: `public.b: ${counts}` });
});

test('different values in the same number of rows are left to other checks', async () => {
  expect((await run([counted('public.a', { counts: { stale: 2, corrupted: 1 } })])).verdict).toBe('PASS');
});

test('a table that could not be counted or does not exist is INCONCLUSIVE, with the reason', async () => {
  const blind = await run([counted('public.a', {}), counted('public.b', 'permission denied')]);
  expect(blind).toMatchObject({ verdict: 'INCONCLUSIVE' });
  expect(blind.detail).toContain('public.b was not compared: permission denied');
  const unknown = await run([counted('public.a', {})], ['public.gone']);
  expect(unknown).toMatchObject({ verdict: 'INCONCLUSIVE' });
  expect(unknown.detail).toContain("public.gone is not in the source's catalogue");
});

test('keys that kept changing are never a PASS: in progress if the fence was, else INCONCLUSIVE', async () => {
  expect((await run([counted('public.a', { inFlight: ['[1]'] })])).verdict).toBe('INCONCLUSIVE');
  const moving = counted('public.a', { inFlight: ['[1]'], stopped: 'sync-in-progress' });
  expect((await run([moving])).verdict).toBe('SYNC_IN_PROGRESS');
});

test('a proven difference outranks a table that could not be counted', async () => {
  const result = await run([
    counted('public.a', 'permission denied'),
    counted('public.b', { counts: { missing: 1 } }),
  ]);
  expect(result.verdict).toBe('FAIL');
});
