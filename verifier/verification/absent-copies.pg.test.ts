import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import { readCatalogues, settledCatalogues } from '../observe/catalogues.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { verify } from './verify.ts';

function configFor(pair: DatabasePair, own: Partial<VerifierConfigInput> = {}) {
  return parseConfig(
    {
      ...{ port: 0, stateDir: makeTestFolder(), kafka: null, fence: 'none' },
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl },
      ...own,
    },
    'test',
  );
}

async function report(pair: DatabasePair, own: Partial<VerifierConfigInput> = {}) {
  return await verify({ config: configFor(pair, own), checks: await loadChecks(), deadlineMs: 5_000 });
}

const ONE = 'CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (1)';

test('an empty table without a copy is a FAIL, and its copy is not counted as an empty one', async () => {
  await using pair = await databasePair();
  await pair.onSource('CREATE TABLE customers (id int PRIMARY KEY)');
  expect(await report(pair)).toMatchObject({
    verdict: 'FAIL',
    findings: [{ check: 'schema-compatibility', class: 'absent', table: 'public.customers', hop: 'sink' }],
    tables: [{ table: 'public.customers', verdict: 'FAIL', sinkRows: null, checksumEqual: null }],
  });
  await pair.onSink('CREATE TABLE custmers (id int PRIMARY KEY)');
  const [finding] = (await report(pair)).findings;
  expect(finding?.detail).toMatch(/no table public\.customers, .*did you mean public\.custmers\?/);
  await pair.onSink('ALTER TABLE custmers RENAME TO customers');
  expect((await report(pair)).verdict).toBe('PASS');
});

test('a table with rows and without a copy is absent, beside its missing rows', async () => {
  await using pair = await databasePair();
  await pair.onSource(ONE);
  const made = await report(pair);
  expect(made.findings.map((finding) => [finding.class, finding.verdict, finding.count])).toEqual(
    expect.arrayContaining([
      ['absent', 'FAIL', 1],
      ['missing', 'FAIL', 1],
    ]),
  );
});

test('a copy that the pipeline creates before a further fence is not absent, and a dropped table needs none', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ONE);
  await pair.onSource('CREATE TABLE two (id int PRIMARY KEY); CREATE TABLE three (id int PRIMARY KEY)');
  const config = configFor(pair);
  const databases = { source: async () => pair.source, sink: async () => pair.sink };
  expect((await readCatalogues(config, databases)).absent.map(({ id }) => id)).toEqual([
    'public.three',
    'public.two',
  ]);
  const settled = await settledCatalogues(config, databases, async () => {
    await pair.onSink('CREATE TABLE two (id int PRIMARY KEY)');
    await pair.onSource('DROP TABLE three');
    return 'passed';
  });
  expect(settled.absent).toEqual([]);
  expect(settled.expected.map(({ id }) => id)).toEqual(['public.one', 'public.two']);
});

test.each<[string, Partial<VerifierConfigInput>, string]>([
  [
    'an exclusion',
    { excludeTables: ['public.noe'] },
    'excludeTables names public.noe, which the source does not have: did you mean public.one?',
  ],
  [
    'a map',
    { tableMap: { 'public.noe': 'public.one' } },
    'tableMap names public.noe, which the source does not have: did you mean public.one?',
  ],
  [
    'a map of a column',
    { columnMap: { 'public.one': { idd: 'id' } } },
    'columnMap names column idd of public.one, which the source does not have: did you mean id?',
  ],
  [
    'a list',
    { tables: ['public.one', 'public.noe'] },
    "public.noe is not in the source's catalogue: did you mean public.one?",
  ],
])('%s that names nothing at the source is INCONCLUSIVE, with the nearest name', async (_, own, sentence) => {
  await using pair = await databasePair();
  await pair.onBoth(ONE);
  const made = await report(pair, own);
  expect(made.verdict).toBe('INCONCLUSIVE');
  expect(made.checks.find(({ check }) => check === 'row-counts')?.detail).toContain(sentence);
});
