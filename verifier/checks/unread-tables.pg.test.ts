import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import type { CheckContext } from '../check.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { Database } from '../connection/postgres.ts';
import { loadChecks } from '../load-checks.ts';
import { readCatalogues } from '../observe/catalogues.ts';
import { formatLedgerEntry, type LedgerWrite } from '../observe/ledger/ledger.ts';
import type { Report } from '../report.ts';
import { contextOf } from '../testing/context.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { type ReaderRole, readerRole } from '../testing/reader-role.ts';
import type { Content } from '../verification/comparison.ts';
import type { TopicLogView } from '../verification/topic-log-view.ts';
import { VerifierMemory } from '../verification/verifier-memory.ts';
import { verify } from '../verification/verify.ts';
import effects from './effects.ts';

/** The copy of a table, with the columns that the lab's sink adds. */
const copy = (table: string): string =>
  `CREATE TABLE ${table} (id int PRIMARY KEY, v json, n int, _cdc_op text, _cdc_position text COLLATE "C",
     _cdc_source_ts timestamptz, _cdc_received_at timestamptz);
   INSERT INTO ${table} SELECT i, '{"a":"\\u0000"}', i, 'c', '0005', now() - interval '1 minute', now()
   FROM generate_series(1, 3) i`;
const original = (table: string): string =>
  `CREATE TABLE ${table} (id int PRIMARY KEY, v json, n int);
   INSERT INTO ${table} SELECT i, '{"a":"\\u0000"}', i FROM generate_series(1, 3) i`;

/** What makes the copy of the first table unreadable for the role, and what PostgreSQL says. */
const UNREADABLE = [
  {
    how: 'a policy hides its rows',
    sql: () => 'ALTER TABLE a_odd ENABLE ROW LEVEL SECURITY',
    says: /row-level security policy for table "a_odd"/,
    isWatched: true,
  },
  {
    how: 'SELECT was revoked',
    sql: ({ name }: ReaderRole) => `REVOKE SELECT ON a_odd FROM ${name}`,
    says: /permission denied for table a_odd/,
    isWatched: true,
  },
  {
    how: 'a value of its cannot be converted',
    sql: ({ name }: ReaderRole) =>
      `ALTER TABLE a_odd RENAME TO hidden;
       CREATE VIEW a_odd AS SELECT * FROM hidden WHERE v::jsonb->>'a' IS NOT NULL;
       GRANT SELECT ON a_odd TO ${name}`,
    says: /unsupported Unicode escape sequence/,
    // A view has no primary key.
    isWatched: false,
  },
];

const withPassword = (url: string): string => Object.assign(new URL(url), { password: 'reading' }).href;

function configOf(role: ReaderRole, own: Partial<VerifierConfigInput> = {}) {
  return parseConfig(
    {
      ...{ port: 0, stateDir: '.', kafka: null, deadlineMs: 5_000, fence: 'none' },
      source: { url: withPassword(role.login.source ?? ''), slot: null },
      sink: { url: withPassword(role.login.sink ?? '') },
      ...own,
    },
    'of the test',
  );
}

const of = (report: Report, check: string) => ({
  verdict: report.checks.find((one) => one.check === check)?.verdict,
  findings: report.findings
    .filter((one) => one.check === check)
    .map(({ class: name, table, verdict }) => [name, table, verdict]),
});

async function tables(pair: DatabasePair): Promise<void> {
  await pair.onSource(`${original('a_odd')}; ${original('items')}`);
  await pair.onSink(`${copy('a_odd')}; ${copy('items')};
    CREATE TABLE _cdc_tombstones (table_name text, key text COLLATE "C", position text COLLATE "C")`);
}

test.each(UNREADABLE)(
  'where $how, the faults of later tables are found',
  async ({ sql, says, isWatched }) => {
    await using pair = await databasePair();
    await tables(pair);
    await using role = await readerRole(pair);
    await pair.onSink(sql(role));
    const memory = new VerifierMemory();
    const config = configOf(role, { thresholds: { freshnessP99Ms: 1_000 } });
    const checks = await loadChecks();
    const look = () => verify({ config, checks, deadlineMs: 5_000, memory });
    const odd = ['evidence-missing', 'public.a_odd', 'INCONCLUSIVE'];
    const before = await look();
    expect(before.memory).toMatchObject({ file: null, note: null });
    for (const check of ['foreign-writers', 'resurrected-rows', ...(isWatched ? ['order'] : [])]) {
      expect([check, of(before, check)]).toEqual([check, { verdict: 'INCONCLUSIVE', findings: [odd] }]);
      const detail = before.findings.find((one) => one.check === check)?.detail;
      expect(detail).toMatch(says);
    }
    // Row 1 is written by no event, row 2 is back after its delete, and row 3 goes back to an older position.
    await pair.onSource('DELETE FROM items WHERE id = 2');
    await pair.onSink(`UPDATE items SET _cdc_position = NULL WHERE id = 1;
    INSERT INTO _cdc_tombstones VALUES ('public.items', '2', '0009');
    UPDATE items SET _cdc_position = '0004' WHERE id = 3`);
    const report = await look();
    const found = (name: string, ...more: readonly (readonly string[])[]) => ({
      verdict: 'FAIL',
      findings: [[name, 'public.items', 'FAIL'], ...more],
    });
    expect(of(report, 'foreign-writers')).toEqual(found('foreign', odd));
    expect(of(report, 'order')).toEqual(found('order', ...(isWatched ? [odd] : [])));
    expect(of(report, 'resurrected-rows')).toEqual(found('resurrected', odd));
    expect(of(report, 'freshness')).toEqual({
      verdict: 'INCONCLUSIVE',
      findings: [['alert', 'public.items', 'WARN'], odd],
    });
    expect(report.verdict).toBe('FAIL');
  },
);

test('a table whose columns cannot be summed hides no wrong sum of another, and is read again the next time', async () => {
  await using pair = await databasePair();
  await tables(pair);
  await using role = await readerRole(pair);
  const { name } = role;
  await pair.onSink(`CREATE TABLE _cdc_offsets (connector text, topic text, partition int, next_offset bigint);
    CREATE TABLE _cdc_stats (connector text, topic text, partition int, applied bigint, suppressed bigint,
      dead_lettered bigint);
    GRANT SELECT ON _cdc_offsets, _cdc_stats TO ${name}; REVOKE SELECT ON a_odd FROM ${name}`);
  const config = configOf(role);
  const databases = { source: async () => pair.source, sink: async () => pair.sink };
  const catalogues = await readCatalogues(config, databases);
  await using sink = await Database.connect('sink', config.sink.url, 5_000);
  const compared = 'changed keys';
  const counts = { missing: 0, extra: 0, stale: 0, corrupted: 0, duplicate: 0 };
  const content = {
    tables: catalogues.expected.map((table) => ({
      ...{ table, problem: null, attributed: [], history: null },
      comparison: { counts, wrong: [], equal: true },
    })),
    scans: { tables: catalogues.expected.map(() => ({ compared })) },
  } as unknown as Content;
  let expected = 7n;
  const sums = { problem: null, columns: [{ name: 'n', scale: 0, problem: null }], at: () => [expected] };
  const log = {
    ...{ problem: '', processed: [], sums: new Map([['t.items', sums]]) },
    ordered: { changes: 0, keysLeftOut: false },
  };
  const view = { ...log, again: async () => log } as unknown as TopicLogView;
  const context = contextOf({
    config: { incremental: {} },
    memory: new VerifierMemory(),
    databases: { sink: async () => sink },
    pipeline: {
      topics: async () => new Map(catalogues.expected.map(({ id, name: own }) => [id, `t.${own}`])),
      passFence: async () => 'passed',
    },
    evidence: {
      catalogues: async () => catalogues,
      content: async () => content,
      topicLog: async () => view,
    } satisfies Partial<CheckContext['evidence']>,
  });
  const result = await effects.run(context);
  expect(result.verdict).toBe('FAIL');
  expect(result.findings.map(({ class: kind, table }) => [kind, table])).toEqual([
    ['effects', 'public.items'],
    ['evidence-missing', 'public.a_odd'],
  ]);
  expect(result.detail).toMatch(
    /n adds up to 1 less than its events make.*not judged: public.a_odd: .*permission denied/,
  );
  expected = 6n;
  expect((await effects.run(context)).verdict).toBe('INCONCLUSIVE');
  await pair.onSink(`GRANT SELECT ON a_odd TO ${name}`);
  expect((await effects.run(context)).verdict).toBe('PASS');
});

const AT = '2099-01-01T00:00:00.000Z';

function ledgerOf(writes: readonly LedgerWrite[]): string {
  const path = join(makeTestFolder(), 'ledger.ndjson');
  const entries = [
    formatLedgerEntry({ t: 'intent', tx: 0, xid: '1', at: AT, writes: [...writes] }),
    formatLedgerEntry({ t: 'outcome', tx: 0, result: 'ok', at: AT }),
  ];
  writeFileSync(path, entries.join(''));
  return path;
}

test('a table of the ledger that cannot be read hides no lost and no torn write of another', async () => {
  await using pair = await databasePair();
  const keyed = `id public.ltree PRIMARY KEY, version bigint`;
  const make = `CREATE EXTENSION ltree; CREATE TABLE a_odd (${keyed}); CREATE TABLE items (${keyed})`;
  await pair.onBoth(`${make}; INSERT INTO items VALUES ('a.b', 1), ('a.c', 1)`);
  await pair.onSink(`UPDATE items SET version = 2 WHERE id = 'a.b'`);
  await using role = await readerRole(pair);
  await pair.onBoth(`REVOKE SELECT ON a_odd FROM ${role.name}`);
  const write = (table: string, id: string): LedgerWrite => ({ table, key: { id }, op: 'u', version: 2 });
  const ledger = ledgerOf([
    write('public.a_odd', 'x'),
    write('public.items', 'a.b'),
    write('public.items', 'a.c'),
  ]);
  const sink = { url: withPassword(role.login.sink ?? ''), atomic: true };
  const config = configOf(role, { ledger, sink });
  const report = await verify({ config, checks: await loadChecks(), deadlineMs: 5_000 });
  const odd = ['evidence-missing', 'public.a_odd', 'INCONCLUSIVE'];
  expect(of(report, 'ledger')).toEqual({
    verdict: 'FAIL',
    findings: [['stale', 'public.items', 'FAIL'], odd],
  });
  expect(of(report, 'atomicity')).toEqual({ verdict: 'FAIL', findings: [['torn', null, 'FAIL'], odd] });
});

test('keys of an extension’s type are watched from one verification to the next', async () => {
  await using pair = await databasePair();
  const make = (type: string, more = '') =>
    `CREATE TABLE of_${type} (id things.${type} PRIMARY KEY, n int${more})`;
  const types = ['ltree', 'hstore', 'citext'];
  const extensions = `CREATE SCHEMA things; ${types.map((type) => `CREATE EXTENSION ${type} SCHEMA things`).join('; ')}`;
  const insert = types.map(
    (type) => `INSERT INTO of_${type} (id, n) VALUES ('${type === 'hstore' ? 'a=>1' : 'a'}', 1)`,
  );
  await pair.onSource(`${extensions}; ${types.map((type) => make(type)).join('; ')}; ${insert.join('; ')}`);
  await pair.onSink(`${extensions}; ${types.map((type) => make(type, ', _cdc_position text')).join('; ')};
    ${insert.join('; ')}; ${types.map((type) => `UPDATE of_${type} SET _cdc_position = '0005'`).join('; ')}`);
  const config = parseConfig(
    {
      ...{ port: 0, stateDir: '.', kafka: null, deadlineMs: 5_000, fence: 'none' },
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl },
    },
    'of the test',
  );
  const memory = new VerifierMemory();
  const checks = await loadChecks();
  const look = () => verify({ config, checks, deadlineMs: 5_000, memory });
  expect(of(await look(), 'order')).toEqual({ verdict: 'PASS', findings: [] });
  await pair.onSink(types.map((type) => `UPDATE of_${type} SET _cdc_position = '0004'`).join('; '));
  const back = await look();
  expect(of(back, 'order').findings).toEqual(
    ['citext', 'hstore', 'ltree'].map((type) => ['order', `public.of_${type}`, 'FAIL']),
  );
});

test('a sink’s own table that cannot be read hides no duplicate row', async () => {
  await using pair = await databasePair();
  await pair.onSource('CREATE TABLE items (id int PRIMARY KEY, n int); INSERT INTO items VALUES (1, 1)');
  await pair.onSink(`CREATE TABLE items (id int, n int); INSERT INTO items VALUES (1, 1), (1, 1);
    CREATE TABLE _cdc_dedup (connector text, topic text, partition int, "offset" bigint, identity text)`);
  await using role = await readerRole(pair);
  await pair.onSink(`REVOKE SELECT ON _cdc_dedup FROM ${role.name}`);
  const config = configOf(role);
  const report = await verify({ config, checks: await loadChecks(), deadlineMs: 5_000 });
  expect(of(report, 'duplicates')).toEqual({
    verdict: 'FAIL',
    findings: [
      ['duplicate', 'public.items', 'FAIL'],
      ['evidence-missing', null, 'INCONCLUSIVE'],
    ],
  });
});
