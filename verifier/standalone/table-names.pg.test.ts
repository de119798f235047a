import { expect, test } from 'vitest';
import type { Report } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { requestFor } from '../testing/request.ts';
import { openPair, type Verified } from './pair.ts';
import type { VerifyRequest } from './request.ts';

async function verified(pair: DatabasePair, own: Partial<VerifyRequest> = {}): Promise<Verified> {
  await using open = await openPair(requestFor(pair, { fence: 'none', ...own }));
  return await open.verify(AbortSignal.timeout(40_000));
}

const told = ({ findings }: Report) =>
  findings.map(({ table, class: name, count, first }) => [table, name, count, first?.key]);

const filled = (table: string): string =>
  `CREATE TABLE ${table} (id int PRIMARY KEY, n int); INSERT INTO ${table} SELECT i, i FROM generate_series(1, 50) i;`;

test('"a.b".c and a."b.c" are two tables: each is compared, and a wrong row of each is found', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE SCHEMA "a.b"; CREATE SCHEMA a; ${filled('"a.b".c')} ${filled('a."b.c"')}
    ALTER TABLE a."b.c" ADD word text DEFAULT 'x'`);
  const equal = (await verified(pair)).report;
  expect(equal).toMatchObject({ verdict: 'PASS', coverage: 1, findings: [] });
  expect(equal.tables.map(({ table, sourceRows }) => [table, sourceRows])).toEqual([
    ['a."b.c"', 50],
    ['"a.b".c', 50],
  ]);
  await pair.onSink('UPDATE "a.b".c SET n = 0 WHERE id = 7; DELETE FROM a."b.c" WHERE id = 9');
  const { report, repair } = await verified(pair);
  expect(told(report)).toEqual([
    ['"a.b".c', 'corrupted', 1, { id: '7' }],
    ['a."b.c"', 'missing', 1, { id: '9' }],
  ]);
  await pair.onSink(repair ?? '');
  expect((await verified(pair)).report.verdict).toBe('PASS');
});

test('a table whose name has a dot, and is equal on both sides, is a PASS', async () => {
  await using pair = await databasePair();
  await pair.onBoth(filled('"a.b"'));
  const { report } = await verified(pair);
  expect(report).toMatchObject({ verdict: 'PASS', coverage: 1, findings: [] });
  expect(report.tables).toMatchObject([{ table: 'public."a.b"', sourceRows: 50, sinkRows: 50 }]);
});

test('tables and columns whose names have dots, commas, equals signs and quotes are named by quoting', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`${filled('"a,b"')} ${filled('"c=d"')} ${filled('"Say ""hi"""')} ${filled('"e.f"')}`);
  await pair.onSource('ALTER TABLE "c=d" RENAME n TO "n=1"');
  await pair.onSink(`CREATE SCHEMA "x.y"; ALTER TABLE "c=d" SET SCHEMA "x.y";
    ALTER TABLE "x.y"."c=d" RENAME TO "d=c"; ALTER TABLE "x.y"."d=c" RENAME n TO "n.2";
    UPDATE "e.f" SET n = 0 WHERE id = 1; UPDATE "x.y"."d=c" SET "n.2" = 0 WHERE id = 2`);
  const { report } = await verified(pair, {
    tables: ['"a,b"', 'public."c=d"', 'public."Say ""hi"""'],
    map: ['"c=d"="x.y"."d=c"', 'public."c=d"."n=1"="n.2"'],
  });
  expect(report.tables.map(({ table }) => table)).toEqual([
    'public."a,b"',
    'public."c=d"',
    'public."Say ""hi"""',
  ]);
  expect(told(report)).toEqual([['public."c=d"', 'corrupted', 1, { id: '2' }]]);
  const others = await verified(pair, { excludeTables: ['"e.f"', 'public."c=d"'] });
  expect(others.report).toMatchObject({ verdict: 'PASS', coverage: 1 });
});

test('a line break in a table’s name does not end the comment in a repair file', async () => {
  await using pair = await databasePair();
  await pair.onBoth(filled('"a\nDROP TABLE keep; --"'));
  await pair.onSink('DELETE FROM "a\nDROP TABLE keep; --" WHERE id = 1');
  const { repair, republish } = await verified(pair);
  const commented = (sql: string | null): string[] =>
    (sql ?? '').split('\n').filter((l) => l.includes('1 wrong'));
  expect([...commented(repair), ...commented(republish)]).toHaveLength(2);
  for (const line of [...commented(repair), ...commented(republish)])
    expect(line).toMatch(/^-- .*DROP TABLE keep/);
});
