import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import type { CheckResult } from '../check.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { verify } from '../verification/verify.ts';

/** The verdict of the check, its detail, and its findings as `TABLE COUNT KEY`. */
async function orphansOf(
  pair: DatabasePair,
  own: Partial<VerifierConfigInput> = {},
): Promise<readonly [CheckResult['verdict'] | undefined, ...string[]]> {
  const config = parseConfig(
    {
      ...{ port: 0, stateDir: makeTestFolder(), kafka: null, deadlineMs: 5_000, fence: 'none' },
      ...{ source: { url: pair.sourceUrl, slot: null }, sink: { url: pair.sinkUrl }, ...own },
    },
    'test',
  );
  const checks = (await loadChecks()).filter((check) => check.name === 'orphans');
  const made: Report = await verify({ config, checks, deadlineMs: 5_000 });
  const [check] = made.checks.filter((one) => one.check === 'orphans');
  const findings = made.findings
    .filter((finding) => finding.check === 'orphans')
    .map(({ table, count, first }) => `${table} ${count} ${Object.values(first?.key ?? {}).join(' ')}`);
  return [check?.verdict, check?.detail ?? '', ...findings];
}

const PARENT = 'CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(1, 50)';
const CHILD =
  'CREATE TABLE c (id int PRIMARY KEY, ref int); INSERT INTO c SELECT i, i FROM generate_series(1, 50) i';
const CITEXT = 'CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public';
const CASE_BLIND = `CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`;
const key = (rest = '') => `ALTER TABLE c ADD CONSTRAINT refers FOREIGN KEY (ref) REFERENCES p ${rest}`;
const texts = (parent: string, child = parent) => `
  CREATE TABLE p (id ${parent} PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, ref ${child});
  INSERT INTO p SELECT 'Key' || i FROM generate_series(1, 20) i;
  INSERT INTO c SELECT i, CASE WHEN i % 2 = 0 THEN 'key' ELSE 'Key' END || i FROM generate_series(1, 20) i`;
const numbers = (parent: string, child: string) => `
  CREATE TABLE p (id ${parent} PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, ref ${child});
  INSERT INTO p SELECT i FROM generate_series(1, 20) i; INSERT INTO c SELECT i, i FROM generate_series(1, 20) i`;
const temporal = (range: string) => `
  CREATE TABLE p (id int, at ${range}, n int, PRIMARY KEY (id, n));
  INSERT INTO p VALUES (1, '[2026-01-01,2026-02-01)', 1), (1, '[2026-02-01,2026-03-01)', 2);
  CREATE TABLE c (id int PRIMARY KEY, ref int, at ${range}); INSERT INTO c VALUES (1, 1, '[2026-01-10,2026-02-20)')`;
const PERIODS = `CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
  ALTER TABLE p ADD UNIQUE (id, at WITHOUT OVERLAPS);
  ALTER TABLE c ADD CONSTRAINT refers FOREIGN KEY (ref, PERIOD at) REFERENCES p (id, PERIOD at)`;
/** The source's key refers to rows that do not exist, from 51 on. */
const DANGLING = `${PARENT}; ${CHILD}; INSERT INTO c SELECT i, i FROM generate_series(51, 55) i`;

interface Case {
  readonly source: string;
  readonly sink: string;
  /** Makes one orphan in the sink. */
  readonly spoil: string;
  /** The orphan's key and reference. */
  readonly orphan: string;
}

const CASES: Readonly<Record<string, Case>> = {
  'a key that is NOT VALID': {
    ...{ source: `${DANGLING}; ${key('NOT VALID')}`, sink: DANGLING },
    ...{ spoil: 'DELETE FROM p WHERE id = 7', orphan: '7 7' },
  },
  'a key that is NOT ENFORCED': {
    ...{ source: `${DANGLING}; ${key('NOT ENFORCED')}`, sink: DANGLING },
    ...{ spoil: 'DELETE FROM p WHERE id = 7', orphan: '7 7' },
  },
  'orphans that were written while triggers were off': {
    source: `${PARENT}; ${CHILD}; ${key()}; SET session_replication_role = replica;
      INSERT INTO c SELECT i, i FROM generate_series(51, 55) i; RESET session_replication_role`,
    ...{ sink: DANGLING, spoil: 'INSERT INTO c VALUES (60, 60)', orphan: '60 60' },
  },
  'orphans in a table without primary key': {
    source: `${PARENT}; CREATE TABLE c (ref int); INSERT INTO c VALUES (1), (70), (70), (71); ${key('NOT VALID')}`,
    sink: `${PARENT}; CREATE TABLE c (ref int); INSERT INTO c VALUES (1), (70), (70), (71)`,
    ...{ spoil: 'INSERT INTO c VALUES (70)', orphan: '70' },
  },
  'citext on both sides': {
    ...{
      source: `${CITEXT}; ${texts('public.citext')}; ${key()}`,
      sink: `${CITEXT}; ${texts('public.citext')}`,
    },
    ...{ spoil: `DELETE FROM p WHERE id = 'Key4'`, orphan: '4 key4' },
  },
  'citext copied to text': {
    ...{ source: `${CITEXT}; ${texts('public.citext')}; ${key()}`, sink: texts('text') },
    ...{ spoil: `DELETE FROM p WHERE id = 'Key4'`, orphan: '4 key4' },
  },
  'a nondeterministic collation': {
    source: `${CASE_BLIND}; ${texts('text COLLATE blind')}; ${key()}`,
    sink: `${CASE_BLIND}; ${texts('text COLLATE blind')}`,
    ...{ spoil: `DELETE FROM p WHERE id = 'Key4'`, orphan: '4 key4' },
  },
  'texts of two collations': {
    source: `${texts('text COLLATE "C"', 'varchar(20) COLLATE "POSIX"').replaceAll("'key'", "'Key'")}; ${key()}`,
    sink: texts('text COLLATE "C"', 'varchar(20) COLLATE "POSIX"').replaceAll("'key'", "'Key'"),
    ...{ spoil: `DELETE FROM p WHERE id = 'Key4'`, orphan: '4 Key4' },
  },
  'integers of two lengths': {
    ...{ source: `${numbers('bigint', 'int')}; ${key()}`, sink: numbers('bigint', 'int') },
    ...{ spoil: 'DELETE FROM p WHERE id = 4', orphan: '4 4' },
  },
  'an integer that refers to a numeric with a scale': {
    ...{ source: `${numbers('numeric(12,2)', 'int')}; ${key()}`, sink: numbers('numeric(12,2)', 'int') },
    ...{ spoil: 'DELETE FROM p WHERE id = 4', orphan: '4 4' },
  },
  'blank-padded texts of two lengths, copied to varchar': {
    source: `${texts('char(9)', 'char(7)').replaceAll("'key'", "'Key'")}; ${key()}`,
    sink: texts('varchar(9)', 'varchar(7)').replaceAll("'key'", "'Key'"),
    ...{ spoil: `DELETE FROM p WHERE id = 'Key4'`, orphan: '4 Key4' },
  },
  'a period that two rows cover': {
    ...{ source: `${temporal('daterange')}; ${PERIODS}`, sink: temporal('daterange') },
    ...{
      spoil: `UPDATE p SET at = '[2026-01-01,2026-01-31)' WHERE n = 1`,
      orphan: '1 1 [2026-01-10,2026-02-20)',
    },
  },
  'a period that is copied as text': {
    ...{ source: `${temporal('daterange')}; ${PERIODS}`, sink: temporal('text') },
    ...{ spoil: `DELETE FROM p WHERE n = 2`, orphan: '1 1 [2026-01-10,2026-02-20)' },
  },
};

test.each(Object.entries(CASES))('%s: a copy has no orphan, until one is made', async (_, own) => {
  await using pair = await databasePair();
  await pair.onSource(own.source);
  await pair.onSink(own.sink);
  expect(await orphansOf(pair)).toEqual(['PASS', '0 orphans among 1 foreign keys']);
  await pair.onSink(own.spoil);
  const detail = '1 orphans among 1 foreign keys';
  expect(await orphansOf(pair)).toEqual(['FAIL', detail, `public.c 1 ${own.orphan}`]);
});

test.each([{ excludeTables: ['public.p'] }, { tables: ['public.c'] }])(
  'a key whose referenced table is not compared is not judged: %j',
  async (own) => {
    await using pair = await databasePair();
    await pair.onBoth(`${PARENT}; ${CHILD}`);
    await pair.onSource(key());
    await pair.onSink('TRUNCATE p');
    const detail = '0 orphans among 0 foreign keys; 1 more refer to tables that are not compared';
    expect(await orphansOf(pair, own)).toEqual(['PASS', detail]);
    const whole = await orphansOf(pair);
    expect(whole.slice(0, 2)).toEqual(['FAIL', '50 orphans among 1 foreign keys']);
  },
);

test('where there are too many orphans to name, their number decides', async () => {
  await using pair = await databasePair();
  const many = `${PARENT}; CREATE TABLE c (id int PRIMARY KEY, ref int);
    INSERT INTO c SELECT i, i + 100 FROM generate_series(1, 12000) i`;
  await pair.onBoth(many);
  await pair.onSource(key('NOT VALID'));
  expect((await orphansOf(pair))[0]).toBe('PASS');
  await pair.onSink('INSERT INTO c VALUES (12001, 1000), (12002, 1000)');
  expect((await orphansOf(pair)).slice(0, 2)).toEqual(['FAIL', '2 orphans among 1 foreign keys']);
});

test('a key that the sink cannot compare as the source does is never a FAIL, nor a PASS', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${CASE_BLIND}; ${texts('text COLLATE blind')}; ${key()}`);
  await pair.onSink(texts('text'));
  expect((await orphansOf(pair))[0]).toBe('INCONCLUSIVE');
  await pair.onBoth(`UPDATE c SET ref = initcap(ref)`);
  expect((await orphansOf(pair))[0]).toBe('PASS');
});
