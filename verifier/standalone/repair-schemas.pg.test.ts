import { expect, test } from 'vitest';
import { databasePair } from '../testing/databases.ts';
import { requestFor } from '../testing/request.ts';
import { openPair } from './pair.ts';

interface Case {
  readonly both: string;
  /** Runs in the sink only, before the rows are spoilt. */
  readonly sink?: string;
  /** Makes rows of the sink wrong. */
  readonly spoil: string;
  /** Makes the source go on without the sink. */
  readonly source?: string;
}

const FAMILY = `
  CREATE TABLE par (id int PRIMARY KEY, v text, version bigint DEFAULT 1);
  CREATE TABLE kid (extra text, PRIMARY KEY (id)) INHERITS (par);
  INSERT INTO par SELECT i, 'par' FROM generate_series(1, 9) i;
  INSERT INTO kid (id, v) SELECT i, 'kid' FROM generate_series(1, 9) i;
  INSERT INTO kid (id, v) VALUES (11, 'par'), (12, 'kid')`;
const UNIQUE = `
  INSERT INTO u SELECT i, 'u' || i, i, 'note', 1 FROM generate_series(1, 9) i`;
const SWAP = `UPDATE u SET a = CASE id WHEN 1 THEN 'u2' WHEN 2 THEN 'u3' ELSE 'u1' END, n = id % 3 + 1 WHERE id <= 3`;
const unique = (columns: string, kind = '') =>
  `CREATE TABLE u (id int PRIMARY KEY, ${columns}, note text, version bigint, UNIQUE (a) ${kind}, UNIQUE (n) ${kind}); ${UNIQUE}`;
/** Exchanges the values in three steps: no row may have another's value. */
const swapped = SWAP.replace('UPDATE', `UPDATE u SET a = 'x' || id, n = -id WHERE id <= 3; UPDATE`);
const keyed = (id: string) => `
  CREATE TABLE k (${id} PRIMARY KEY, v text, version bigint DEFAULT 1)`;
const BLIND = `CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`;
const TREE = `
  CREATE TABLE node (id int PRIMARY KEY, up int REFERENCES node, v text, version bigint DEFAULT 1);
  CREATE TABLE leaf (id int PRIMARY KEY, node int NOT NULL REFERENCES node, v text);
  INSERT INTO node SELECT i, nullif(i - 1, 0), 'n' FROM generate_series(1, 9) i;
  INSERT INTO leaf SELECT i, i, 'l' FROM generate_series(1, 9) i`;
const CASCADE = TREE.replace('NOT NULL REFERENCES node', 'NOT NULL REFERENCES node ON DELETE CASCADE');

const CASES: Readonly<Record<string, Case>> = {
  'tables that inherit, with rows of the same keys': {
    both: FAMILY,
    spoil: `UPDATE ONLY par SET v = 'spoilt' WHERE id = 2; DELETE FROM ONLY par WHERE id = 3;
      INSERT INTO par VALUES (11, 'par'), (12, 'surplus')`,
  },
  'a key that is GENERATED ALWAYS': {
    both: `${keyed('id int GENERATED ALWAYS AS IDENTITY')}; INSERT INTO k (v) SELECT 'v' FROM generate_series(1, 9)`,
    spoil: `DELETE FROM k WHERE id IN (3, 4); UPDATE k SET v = 'spoilt' WHERE id = 5`,
  },
  'another column that is GENERATED ALWAYS': {
    both: `CREATE TABLE k (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, v text);
      INSERT INTO k (id, v) SELECT i, 'v' FROM generate_series(1, 9) i`,
    spoil: `DELETE FROM k WHERE id = 3; INSERT INTO k OVERRIDING SYSTEM VALUE VALUES (3, 77, 'v')`,
  },
  'rows that refer to each other and are missing': {
    both: TREE,
    spoil: 'DELETE FROM leaf WHERE id > 3; DELETE FROM node WHERE id > 3',
  },
  'rows that refer to each other and are surplus': {
    both: TREE,
    spoil: `INSERT INTO node VALUES (20, 9, 'x'), (21, 20, 'x'), (22, 21, 'x');
      INSERT INTO leaf VALUES (20, 21, 'x'), (21, 20, 'x')`,
  },
  'references from a row that is deleted to one that is new': {
    both: TREE,
    source: `INSERT INTO node VALUES (30, 1, 'new'); UPDATE leaf SET node = 30 WHERE id = 9; DELETE FROM node WHERE id = 9`,
    spoil: 'SELECT 1',
  },
  'references that would delete the referring row': {
    both: CASCADE,
    source: `UPDATE leaf SET node = 2 WHERE id = 9; DELETE FROM node WHERE id = 9`,
    spoil: 'SELECT 1',
  },
  'tables that refer to each other in a circle': {
    both: `CREATE TABLE x (id int PRIMARY KEY, y int NOT NULL); CREATE TABLE y (id int PRIMARY KEY, x int NOT NULL REFERENCES x);
      INSERT INTO x SELECT i, i FROM generate_series(1, 9) i; INSERT INTO y SELECT i, i FROM generate_series(1, 9) i;
      ALTER TABLE x ADD FOREIGN KEY (y) REFERENCES y`,
    spoil: `SET session_replication_role = replica; DELETE FROM x WHERE id < 4; DELETE FROM y WHERE id < 4;
      INSERT INTO x VALUES (20, 20); INSERT INTO y VALUES (20, 20); RESET session_replication_role`,
  },
  'exchanged unique values': {
    ...{ both: unique('a text, n int'), source: swapped, spoil: 'SELECT 1' },
  },
  'exchanged unique values that cannot be NULL': {
    ...{ both: unique('a text NOT NULL, n int NOT NULL'), source: swapped, spoil: 'SELECT 1' },
  },
  'exchanged unique values, where one NULL is allowed': {
    both: `CREATE TABLE u (id int PRIMARY KEY, a text, n int, note text, version bigint, UNIQUE NULLS NOT DISTINCT (a)); ${UNIQUE}`,
    ...{ source: swapped, spoil: 'SELECT 1' },
  },
  'exchanged unique values of a deferrable constraint': {
    ...{ both: unique('a text NOT NULL, n int NOT NULL', 'DEFERRABLE'), source: swapped },
    spoil: 'DELETE FROM u WHERE id = 8',
  },
  'unique values of an expression': {
    both: `CREATE TABLE u (id int PRIMARY KEY, a text, n int, note text, version bigint); ${UNIQUE};
      CREATE UNIQUE INDEX ON u (upper(a))`,
    ...{ source: swapped, spoil: 'SELECT 1' },
  },
  'a unique value that a surplus row has': {
    both: unique('a text, n int'),
    spoil: `DELETE FROM u WHERE id IN (4, 5); UPDATE u SET a = 'z', n = 70 WHERE id = 6;
      INSERT INTO u VALUES (20, 'u4', 4), (21, 'u6', 6)`,
  },
  'keys that a collation takes for equal': {
    both: `${BLIND}; ${keyed('id text COLLATE blind')}; INSERT INTO k SELECT 'abc' || i, 'v' FROM generate_series(1, 9) i`,
    spoil: `UPDATE k SET id = upper(id) WHERE id IN ('abc2', 'abc3')`,
  },
  'keys that a collation takes for equal, in a copy that has both': {
    both: `${BLIND}; CREATE TABLE k (id text PRIMARY KEY, v text); INSERT INTO k SELECT 'abc' || i, 'v' FROM generate_series(1, 9) i`,
    sink: 'ALTER TABLE k DROP CONSTRAINT k_pkey; ALTER TABLE k ALTER id TYPE text COLLATE blind',
    spoil: `INSERT INTO k VALUES ('ABC2', 'v'); UPDATE k SET v = 'spoilt' WHERE id = 'abc3'`,
  },
  'numbers that are equal but print differently': {
    both: `${keyed('id numeric')}; INSERT INTO k SELECT i, 'v' FROM generate_series(1, 9) i`,
    spoil: 'UPDATE k SET id = 2.00 WHERE id = 2',
  },
  'keys of a type of an extension': {
    both: `CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public; ${keyed('id public.citext')};
      INSERT INTO k SELECT 'Abc' || i, 'v' FROM generate_series(1, 9) i`,
    spoil: `DELETE FROM k WHERE id = 'Abc1'; UPDATE k SET v = 'spoilt' WHERE id = 'Abc2'; UPDATE k SET id = 'ABC3' WHERE id = 'Abc3'`,
  },
};

test.each(Object.entries(CASES))('one repair mends %s', async (_, own) => {
  await using pair = await databasePair();
  await pair.onBoth(own.both);
  await pair.onSink(own.sink ?? 'SELECT 1');
  await pair.onSource(own.source ?? 'SELECT 1');
  await pair.onSink(own.spoil);
  await using open = await openPair(requestFor(pair, { fence: 'none', deadlineMs: 10_000 }));
  const { report, repair } = await open.verify(AbortSignal.timeout(30_000));
  expect(report.verdict).toBe('FAIL');
  await pair.onSink(repair ?? '');
  const mended = await open.verify(AbortSignal.timeout(30_000));
  expect(mended.report.findings).toEqual([]);
  expect(mended).toMatchObject({ report: { verdict: 'PASS' }, repair: null });
  const deferrable = await pair.sink.query(
    `SELECT conname FROM pg_constraint WHERE contype = 'f' AND condeferrable`,
  );
  expect(deferrable).toEqual([]);
});

test('a row whose replacement would lose the values of other columns is left out, with the reason', async () => {
  await using pair = await databasePair();
  await pair.onBoth(unique('a text NOT NULL, n int NOT NULL'));
  await pair.onSink(
    `ALTER TABLE u ADD only_here text DEFAULT 'kept'; UPDATE u SET note = 'spoilt' WHERE id = 7`,
  );
  await pair.onSource(swapped);
  await using open = await openPair(requestFor(pair, { fence: 'none', deadlineMs: 10_000 }));
  const { repair } = await open.verify(AbortSignal.timeout(30_000));
  expect(repair?.match(/^-- not repaired: .*$/gm)).toEqual(
    [1, 2, 3].map((id) => `-- not repaired: to replace the row would lose its only_here, key ["${id}"]`),
  );
  await pair.onSink(repair ?? '');
  const [row] = await pair.sink.query(`SELECT note, only_here FROM public.u WHERE id = 7`);
  expect(row).toEqual({ note: 'note', only_here: 'kept' });
});

test('a surplus row is not deleted as long as a row depends on it that the verifier does not compare', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`${CASCADE}; ALTER TABLE node DROP COLUMN up`);
  await pair.onSink(
    `INSERT INTO node VALUES (20, 'x'), (21, 'x'); INSERT INTO leaf VALUES (20, 20, 'theirs')`,
  );
  const request = requestFor(pair, { fence: 'none', deadlineMs: 10_000, excludeTables: ['public.leaf'] });
  await using open = await openPair(request);
  const { repair } = await open.verify(AbortSignal.timeout(30_000));
  await pair.onSink(repair ?? '');
  const rows = await pair.sink.query(`SELECT id::text FROM public.node WHERE id > 9`);
  expect(rows).toEqual([{ id: '20' }]);
  expect(await pair.sink.query(`SELECT v FROM public.leaf WHERE id = 20`)).toEqual([{ v: 'theirs' }]);
});
