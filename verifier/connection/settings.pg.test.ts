import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Check } from '../check.ts';
import { ALL_KEYS } from '../compare/ranges.ts';
import { estimatedRows } from '../compare/table-pair.ts';
import { parseConfig } from '../config.ts';
import { ExactWindow } from '../exact/exact-window.ts';
import { loadChecks } from '../load-checks.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { optionsFor } from '../testing/exact-options.ts';
import { alterDatabase, otherValues, type Setting, settingsOf, type Values } from '../testing/settings.ts';
import { verify } from '../verification/verify.ts';
import { Database } from './postgres.ts';

/** A column of each type whose text may depend on a setting, with a value that would show it. */
const COLUMNS: readonly (readonly [type: string, value: string])[] = [
  ['boolean', 'true'],
  ['bigint', '-9223372036854775808'],
  ['numeric', '1234567.8900'],
  ['numeric(12,2)', '-1234567.89'],
  ['real', '0.1'],
  ['double precision', '0.1'],
  ['double precision', '1e300'],
  ['text', `a\\b\\\\ ' "NULL"`],
  ['varchar(9)', 'NULL'],
  ['char(5)', 'x\\'],
  ['"char"', 'a'],
  ['name', 'Odd "name"'],
  ['uuid', '76019d1a-ad2e-4b22-96e9-1a6d6543c818'],
  ['bytea', '\\x00ff5c27'],
  ['timestamptz', '2026-03-04 05:06:07.000008+09'],
  ['timestamp', '2026-03-04 05:06:07.000008'],
  ['date', '2026-03-04'],
  ['time', '05:06:07.000008'],
  ['timetz', '05:06:07.000008+09'],
  ['interval', '1 year -2 mons 3 days -04:05:06.000007'],
  ['json', '{"a" : "\\\\ \\u00e9"}'],
  ['jsonb', '{"a": [1.0, null, "\\\\"]}'],
  ['xml', '<a b="\\">é</a>text'],
  ['money', '-1234.56'],
  ['text[]', '{NULL,"NULL",null,"a\\\\b","c\\"d"}'],
  ['double precision[]', '{0.1,NULL}'],
  ['timestamptz[]', '{"2026-03-04 05:06:07+09",NULL}'],
  ['int4range', '[1,3)'],
  ['tstzrange', '["2026-03-04 05:06:07+09",)'],
  ['inet', '10.0.0.1/24'],
  ['point', '(0.1,-2)'],
  ['tsvector', `'a\\\\\\\\b':1 'fat':2A`],
  ['bit varying', '0101'],
  ['"Mood ""x"""', 'so \\ sad'],
  ['two', `(1,"NULL")`],
  ['cents', '1.00'],
];
const LISTED = `(k text[] PRIMARY KEY, v text, version bigint DEFAULT 1)`;
const TIMED = `(a timestamptz, b interval, c double precision, d bytea, e text, PRIMARY KEY (a, b, c, d, e))`;
const QUOTED = `("select" text PRIMARY KEY, "Odd ""name""\\" text, version bigint DEFAULT 1)`;

/** The same tables twice: those whose names begin with `wrong` get a wrong row in the sink. */
const TABLES = ['right', 'wrong']
  .map(
    (kind) => `
  CREATE TABLE ${kind}_types (id int PRIMARY KEY, version bigint DEFAULT 1,
    ${COLUMNS.map(([type], i) => `c${i} ${type}`).join(', ')});
  INSERT INTO ${kind}_types SELECT n, 1, ${COLUMNS.map(([, value]) => pg.escapeLiteral(value)).join(', ')} FROM generate_series(1, 3) n;
  CREATE TABLE ${kind}_listed ${LISTED};
  INSERT INTO ${kind}_listed VALUES ('{NULL}', 'null'), ('{"NULL"}', 'text'), ('{"a\\\\b",NULL}', 'c');
  CREATE TABLE ${kind}_timed ${TIMED};
  INSERT INTO ${kind}_timed SELECT '2026-03-04 05:06:07.000008Z'::timestamptz + n * interval '1 mon',
    n * interval '1 year -2 days 3 s', n / 7.0::float8, decode('005c27ff', 'hex'), 'a\\b' || n FROM generate_series(1, 3) n;
  CREATE TABLE "${kind} ""select""\\" ${QUOTED};
  INSERT INTO "${kind} ""select""\\" VALUES ('a\\b', 'c\\d'), ('NULL', NULL)`,
  )
  .join(';');
const TYPES = `CREATE TYPE "Mood ""x""" AS ENUM ('so \\ sad', 'ok'); CREATE TYPE two AS (a int, b text);
  CREATE DOMAIN cents AS numeric; ${TABLES}`;
const PLANTED = `
  UPDATE wrong_types SET c24 = '{"NULL","NULL",null,"a\\\\b","c\\"d"}' WHERE id = 2;
  DELETE FROM wrong_listed WHERE k = '{NULL}';
  UPDATE wrong_timed SET c = c + 1e-15 WHERE e = 'a\\b2';
  UPDATE "wrong ""select""\\" SET "Odd ""name""\\" = 'cd' WHERE "select" = 'a\\b'`;
const EXPECTED = {
  findings: [
    'public."wrong ""select""\\" corrupted 1 {"select":"a\\\\b"}',
    'public.wrong_listed missing 1 {"k":"{NULL}"}',
    'public.wrong_timed extra 1',
    'public.wrong_timed missing 1',
    'public.wrong_types corrupted 1 {"id":"2"}',
  ],
  coverage: 1,
  verdict: 'FAIL',
  passed: ['public."right ""select""\\"', 'public.right_listed', 'public.right_timed', 'public.right_types'],
};

let pair: DatabasePair;
let checks: readonly Check[];
let settings: readonly Setting[];
beforeAll(async () => {
  pair = await databasePair();
  await pair.onBoth(TYPES);
  await pair.onSink(PLANTED);
  checks = await loadChecks();
  settings = await otherValues(pair.sourceUrl);
});
afterAll(() => pair[Symbol.asyncDispose]());

/** What a verification of every table shows. The keys of `timed` are left out: they are long. */
async function verdicts(): Promise<typeof EXPECTED> {
  const config = parseConfig(
    {
      ...{ port: 0, stateDir: makeTestFolder(), kafka: null, deadlineMs: 5_000, fence: 'none' },
      ...{ source: { url: pair.sourceUrl, slot: null }, sink: { url: pair.sinkUrl } },
    },
    'test',
  );
  const made = await verify({ config, checks, deadlineMs: 5_000 });
  const findings = made.findings.map(({ table, class: kind, count, first }) => {
    const key = table === 'public.wrong_timed' ? '' : ` ${JSON.stringify(first?.key)}`;
    return `${table} ${kind} ${count}${key}`;
  });
  const passed = made.tables.filter(({ verdict }) => verdict === 'PASS').map(({ table }) => table);
  const { coverage, verdict } = made;
  return { findings: findings.sort(), coverage, verdict, passed: passed.sort() };
}

const WRITTEN = `UPDATE right_listed SET version = version + 1; UPDATE right_types SET version = version + 1;
  UPDATE wrong_types SET version = version + 1`;

/** The wrong rows that a comparison with a slot finds, while rows with values of each type are written. */
async function wrongUnderWrites(): Promise<string[]> {
  const tables = ['right_listed', 'right_types', 'wrong_types'].map((name) => ({
    ...{ id: `public.${name}`, copy: `public.${name}` },
    shape: { columns: {}, softDelete: null },
  }));
  const passFence = async () => {
    await pair.onBoth(WRITTEN);
    return 'passed' as const;
  };
  await using window = await ExactWindow.open(tables, optionsFor(pair, { passFence }));
  const wrong: string[] = [];
  for (const table of tables) {
    const compared = window.pair(table);
    const answer = await window.compare(compared, { range: ALL_KEYS, rows: estimatedRows(compared) });
    wrong.push(...answer.wrong.map(({ keyText, class: kind }) => `${table.id} ${kind} ${keyText}`));
  }
  const inexact = await window.end(tables);
  return [...wrong, ...[...inexact].map(([id, { message }]) => `${id}: ${message}`)];
}

/** Keeps a connection idle for longer than any timeout that is set here, outside and inside a transaction. */
async function idle(side: 'source' | 'sink'): Promise<string> {
  await using database = await Database.connect(
    side,
    side === 'source' ? pair.sourceUrl : pair.sinkUrl,
    30_000,
  );
  await sleep(1_200);
  return await database.snapshot(async () => {
    await sleep(1_200);
    return (await database.one(`SELECT 'open' AS state`)).state ?? '';
  });
}

const SIDES = ['source', 'sink', 'both'] as const;

async function set(where: (typeof SIDES)[number], values: Values): Promise<void> {
  if (where !== 'sink') await pair.onSource(alterDatabase(pair.sourceUrl, values));
  if (where !== 'source') await pair.onSink(alterDatabase(pair.sinkUrl, values));
}

/** Runs the work where new sessions have these settings. @returns what it returns, or its error's message. */
async function under<T>(
  where: (typeof SIDES)[number],
  values: Values,
  work: () => Promise<T>,
): Promise<T | string> {
  await set(where, values);
  try {
    return await work();
  } catch (error) {
    return messageOf(error);
  } finally {
    await set(where, {});
  }
}

test('the planted rows are found, and nothing else, where no setting was changed', async () => {
  expect(await verdicts()).toEqual(EXPECTED);
  expect(await wrongUnderWrites()).toEqual(['public.wrong_types corrupted ["2"]']);
});

/** Settings that may change what a value prints, how SQL reads, or what a statement may do. */
const TEXTUAL = /Locale and Formatting|Statement Behavior|Compatibility/;
/** The server takes only one of `log_statement_stats` and its like, so this one must also be tried alone. */
const EXCLUSIVE = 'log_statement_stats';

test.each(SIDES)(
  'no setting that concerns texts or statements changes a verdict: %s',
  async (where) => {
    const wrong: string[] = [];
    for (const { name, category, others } of settings) {
      if (!TEXTUAL.test(category) && name !== EXCLUSIVE) continue;
      const value = others.at(where === 'source' ? 0 : -1) ?? '';
      const shown = await under(where, { [name]: value }, verdicts);
      if (!isDeepStrictEqual(shown, EXPECTED)) wrong.push(`${name} = ${value}: ${JSON.stringify(shown)}`);
    }
    expect(wrong).toEqual([]);
  },
  120_000,
);

describe.each(SIDES)('all settings together: %s', (where) => {
  test.each([0, -1])('their other value %i changes no verdict', async (at) => {
    const values = Object.fromEntries(settings.map(({ name, others }) => [name, others.at(at) ?? '']));
    const shown = await under(where, values, async () => ({
      still: await verdicts(),
      written: await wrongUnderWrites(),
      idle: await Promise.all([idle('source'), idle('sink')]),
    }));
    expect(shown).toEqual({
      still: EXPECTED,
      written: ['public.wrong_types corrupted ["2"]'],
      idle: ['open', 'open'],
    });
  });
});

test('each of these settings takes effect in a session that does not pin it', async () => {
  const before = await settingsOf(pair.sourceUrl);
  const values = Object.fromEntries(settings.map(({ name, others }) => [name, others.at(0) ?? '']));
  const after = await under('source', values, () => settingsOf(pair.sourceUrl));
  if (typeof after === 'string') throw new Error(after);
  // The driver sends its own encoding; 0 leaves keepalives as the operating system has them.
  const kept = settings.filter(({ name }) => before[name] === after[name]).map(({ name }) => name);
  const keepalives = ['count', 'idle', 'interval'].map((what) => `tcp_keepalives_${what}`);
  expect(kept).toEqual(['client_encoding', EXCLUSIVE, ...keepalives]);
});
