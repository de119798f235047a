import { expect, test } from 'vitest';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { readerRole } from '../testing/reader-role.ts';
import { verify } from '../verification/verify.ts';

const FENCES = ['none', 'quiesce', 'settle', 'slot'] as const;

/** Tables that are compared before and behind one that is odd. */
const READABLE = ['before', 'the_rest']
  .map(
    (name) => `CREATE TABLE ${name} (id int PRIMARY KEY, v text);
      INSERT INTO ${name} SELECT i, 'v' FROM generate_series(1, 100) i`,
  )
  .join(';');
const SPOIL = `DELETE FROM before WHERE id = 7; UPDATE the_rest SET v = 'x' WHERE id = 9`;

async function report(pair: DatabasePair, own: Partial<VerifierConfigInput>): Promise<Report> {
  const config = parseConfig(
    {
      ...{ port: 0, stateDir: '.', kafka: null, deadlineMs: 5_000 },
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl },
      ...own,
    },
    'of the test',
  );
  return await verify({ config, checks: await loadChecks(), deadlineMs: 5_000 });
}

function verdicts({ tables }: Report): Record<string, string> {
  return Object.fromEntries(tables.map(({ table, verdict }) => [table, verdict]));
}

test.each(FENCES)(
  'with fence %s, a value that cannot be compared hides no other table, and wrong rows elsewhere are FAIL',
  async (fence) => {
    await using pair = await databasePair();
    await pair.onBoth(READABLE);
    // A lone surrogate, which `json` accepts and `jsonb` refuses.
    await pair.onSource(
      String.raw`CREATE TABLE odd (id int PRIMARY KEY, v json); INSERT INTO odd VALUES (1, '{"a":"\ud800"}')`,
    );
    // The source's scan fails while the sink's is still running.
    await pair.onSink(`CREATE TABLE odd (id int PRIMARY KEY, v jsonb);
      INSERT INTO odd SELECT i, '{"a":1}' FROM generate_series(1, 100000) i`);
    const odd = { 'public.odd': 'INCONCLUSIVE' };
    const equal = await report(pair, { fence });
    expect(verdicts(equal)).toEqual({ ...odd, 'public.before': 'PASS', 'public.the_rest': 'PASS' });
    expect(equal.verdict).toBe('INCONCLUSIVE');
    await pair.onSink(SPOIL);
    const made = await report(pair, { fence });
    expect(verdicts(made)).toEqual({ ...odd, 'public.before': 'FAIL', 'public.the_rest': 'FAIL' });
    expect([made.verdict, made.coverage]).toEqual(['FAIL', 2 / 3]);
    const detail = made.checks.find(({ check }) => check === 'row-counts')?.detail;
    expect(detail).toMatch(/public\.odd was not compared: source: invalid input syntax for type json/);
  },
);

test.each(['none', 'quiesce', 'settle'] as const)(
  'with fence %s, a table whose rows a policy hides at the source hides no other table',
  async (fence) => {
    await using pair = await databasePair();
    await pair.onBoth(`${READABLE}; CREATE TABLE odd (id int PRIMARY KEY)`);
    await pair.onSource('ALTER TABLE odd ENABLE ROW LEVEL SECURITY');
    await pair.onSink(`INSERT INTO odd SELECT generate_series(1, 100000); ${SPOIL}`);
    await using role = await readerRole(pair);
    const as = (url: string): string => Object.assign(new URL(url), { password: 'reading' }).href;
    const { source, sink } = role.login;
    const made = await report(pair, {
      fence,
      source: { url: as(source ?? ''), slot: null },
      sink: { url: as(sink ?? '') },
    });
    expect(verdicts(made)).toEqual({
      'public.before': 'FAIL',
      'public.odd': 'INCONCLUSIVE',
      'public.the_rest': 'FAIL',
    });
  },
);

test.each(
  FENCES.flatMap((fence) => [
    { fence, type: 'hstore', ours: 'a=>1', theirs: 'a=>2' },
    { fence, type: 'ltree', ours: 'a.b', theirs: 'a.c' },
  ]),
)(
  'with fence $fence, keys of type $type that differ are found, beside those of other tables',
  async (given) => {
    const { fence, type, ours, theirs } = given;
    await using pair = await databasePair();
    const table = `CREATE EXTENSION ${type}; CREATE TABLE odd (id ${type} PRIMARY KEY); INSERT INTO odd VALUES`;
    await pair.onBoth(READABLE);
    await pair.onSource(`${table} ('${ours}')`);
    await pair.onSink(`${table} ('${theirs}'); ${SPOIL}`);
    const made = await report(pair, { fence });
    expect(Object.values(verdicts(made))).toEqual(['FAIL', 'FAIL', 'FAIL']);
    expect(made.tables.find(({ table: id }) => id === 'public.odd')).toMatchObject({ missing: 1, extra: 1 });
  },
);
