import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { verify } from '../verification/verify.ts';

const FENCES = ['none', 'settle', 'slot'] as const;

async function report(pair: DatabasePair, own: Partial<VerifierConfigInput> = {}): Promise<Report> {
  const config = parseConfig(
    {
      ...{ port: 0, stateDir: makeTestFolder(), kafka: null, fence: 'none' },
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl },
      ...own,
    },
    'test',
  );
  return await verify({ config, checks: await loadChecks(), deadlineMs: 5_000 });
}

/** The verdict of each table, and its missing, extra and corrupted rows. */
function judged({ tables }: Report) {
  return Object.fromEntries(
    tables.map((own) => [own.table, [own.verdict, own.missing, own.extra, own.corrupted]]),
  );
}

const ROWS = `SELECT i AS id, 'v' || i AS v FROM generate_series(1, 3000) i`;
const COLUMNS = 'id int PRIMARY KEY, v text';
const BASE = `CREATE SCHEMA held; CREATE TABLE held.base (${COLUMNS}); INSERT INTO held.base ${ROWS}`;

/** Puts the rows into the sink under another kind of relation, and spoils three of them. */
const KINDS = {
  'an unlogged table': {
    make: `CREATE UNLOGGED TABLE items (${COLUMNS}); INSERT INTO items ${ROWS}`,
    spoiled: 'items',
    after: '',
  },
  'a view': {
    make: `${BASE}; CREATE VIEW items AS SELECT * FROM held.base`,
    spoiled: 'held.base',
    after: '',
  },
  'a materialized view': {
    make: `${BASE}; CREATE MATERIALIZED VIEW items AS SELECT * FROM held.base`,
    spoiled: 'held.base',
    after: 'REFRESH MATERIALIZED VIEW items',
  },
  'a partition': {
    make: `CREATE SCHEMA held; CREATE TABLE held.base (${COLUMNS}) PARTITION BY RANGE (id);
      CREATE TABLE items PARTITION OF held.base FOR VALUES FROM (0) TO (100000); INSERT INTO items ${ROWS}`,
    spoiled: 'items',
    after: '',
  },
  'a foreign table': {
    make: `${BASE}; CREATE EXTENSION postgres_fdw`,
    spoiled: 'held.base',
    after: '',
  },
} as const;

/** A foreign table of the same database, reached by its URL. */
async function reachedByUrl(pair: DatabasePair): Promise<void> {
  const { hostname, port, pathname, username, password } = new URL(pair.sinkUrl);
  await pair.onSink(`
    CREATE SERVER own FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '${hostname}', port '${port}', dbname '${pathname.slice(1)}');
    CREATE USER MAPPING FOR CURRENT_USER SERVER own OPTIONS (user '${username}', password '${decodeURIComponent(password)}');
    CREATE FOREIGN TABLE items (id int NOT NULL, v text) SERVER own OPTIONS (schema_name 'held', table_name 'base')`);
}

test.each(Object.entries(KINDS).flatMap(([kind, own]) => FENCES.map((fence) => ({ kind, fence, ...own }))))(
  'a copy that is $kind is judged with fence $fence',
  async (given) => {
    const { kind, fence, make, spoiled, after } = given;
    await using pair = await databasePair();
    await pair.onSource(`CREATE TABLE items (${COLUMNS}); INSERT INTO items ${ROWS}`);
    await pair.onSink(make);
    if (kind === 'a foreign table') await reachedByUrl(pair);
    const isUnseen = fence === 'slot' && (kind === 'a view' || kind === 'a foreign table');
    const equal = await report(pair, { fence });
    if (isUnseen) {
      expect(judged(equal)).toEqual({ 'public.items': ['INCONCLUSIVE', 0, 0, 0] });
      const detail = equal.checks.find(({ check }) => check === 'row-counts')?.detail;
      expect(detail).toContain(
        `public.items is ${kind}, and what happens to the tables behind it is not seen`,
      );
      return;
    }
    expect([equal.verdict, judged(equal)]).toEqual(['PASS', { 'public.items': ['PASS', 0, 0, 0] }]);
    await pair.onSink(`DELETE FROM ${spoiled} WHERE id = 7; UPDATE ${spoiled} SET v = 'x' WHERE id = 9;
    INSERT INTO ${spoiled} VALUES (5000, 'more'); ${after}`);
    expect(judged(await report(pair, { fence }))).toEqual({ 'public.items': ['FAIL', 1, 1, 1] });
  },
);

const PARENT_AND_HEIRS = `
  CREATE TABLE par (id int PRIMARY KEY); CREATE TABLE c1 (PRIMARY KEY (id)) INHERITS (par);
  CREATE TABLE c2 (PRIMARY KEY (id)) INHERITS (par);
  INSERT INTO par SELECT generate_series(1, 10); INSERT INTO c1 SELECT generate_series(101, 110);
  INSERT INTO c2 SELECT generate_series(201, 210)`;

test.each(FENCES)(
  'with fence %s, tables that inherit at the source may be partitions in the sink',
  async (fence) => {
    await using pair = await databasePair();
    await pair.onSource(PARENT_AND_HEIRS);
    await pair.onSink(`CREATE TABLE par (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE c1 PARTITION OF par FOR VALUES FROM (101) TO (200);
      CREATE TABLE c2 PARTITION OF par FOR VALUES FROM (201) TO (300);
      CREATE TABLE the_rest PARTITION OF par DEFAULT;
      INSERT INTO par SELECT generate_series(1, 10); INSERT INTO par SELECT generate_series(101, 110);
      INSERT INTO par SELECT generate_series(201, 210)`);
    const equal = await report(pair, { fence });
    expect(judged(equal)).toEqual({
      'public.par': ['PASS', 0, 0, 0],
      'public.c1': ['PASS', 0, 0, 0],
      'public.c2': ['PASS', 0, 0, 0],
    });
    await pair.onSink('DELETE FROM par WHERE id IN (1, 101); INSERT INTO par VALUES (50)');
    expect(judged(await report(pair, { fence }))).toEqual({
      'public.par': ['FAIL', 1, 1, 0],
      'public.c1': ['FAIL', 1, 0, 0],
      'public.c2': ['PASS', 0, 0, 0],
    });
  },
);

test('partitions at the source may be tables that inherit in the sink', async () => {
  await using pair = await databasePair();
  await pair.onSource(`CREATE TABLE par (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF par FOR VALUES FROM (1) TO (300);
    INSERT INTO par SELECT generate_series(1, 10); INSERT INTO par SELECT generate_series(101, 110);
    INSERT INTO par SELECT generate_series(201, 210)`);
  await pair.onSink(PARENT_AND_HEIRS);
  expect(judged(await report(pair))).toEqual({ 'public.par': ['PASS', 0, 0, 0] });
});

test('tables that are apart at the source may inherit from each other in the sink', async () => {
  await using pair = await databasePair();
  await pair.onSource(`CREATE TABLE par (id int PRIMARY KEY); CREATE TABLE c1 (id int PRIMARY KEY);
    INSERT INTO par SELECT generate_series(1, 10); INSERT INTO c1 SELECT generate_series(101, 110)`);
  await pair.onSink(PARENT_AND_HEIRS);
  expect(judged(await report(pair))).toEqual({
    'public.par': ['FAIL', 0, 10, 0],
    'public.c1': ['PASS', 0, 0, 0],
  });
});

test.each(FENCES)(
  'with fence %s, tables that are mapped to one copy are not compared with it',
  async (fence) => {
    await using pair = await databasePair();
    await pair.onSource('CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE two (id int PRIMARY KEY)');
    await pair.onSink('CREATE TABLE joint (id int PRIMARY KEY)');
    const made = await report(pair, { fence, tableMap: { 'public.one': 'joint', 'public.two': 'joint' } });
    expect([made.verdict, made.coverage]).toEqual(['INCONCLUSIVE', 0]);
    const detail = made.checks.find(({ check }) => check === 'row-counts')?.detail;
    expect(detail).toContain('public.one and public.two have the same copy public.joint');
  },
);
