import { expect, test } from 'vitest';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { PassFence } from '../observe/fence.ts';
import { readCatalogue } from '../observe/source/catalogue.ts';
import type { ValueSettings } from '../observe/source/value-settings.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { verify } from '../verification/verify.ts';
import { compareByFence, type FencedAnswers } from './by-fence.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, v text);
               INSERT INTO items SELECT i, 'v' FROM generate_series(1, 100) i`;

function configFor(pair: DatabasePair, own: Partial<VerifierConfigInput> = {}) {
  return parseConfig(
    {
      port: 0,
      stateDir: '.',
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl },
      kafka: null,
      ...own,
    },
    'of the test',
  );
}

async function bySlot(
  pair: DatabasePair,
  passFence: PassFence,
  settings?: ValueSettings,
): Promise<FencedAnswers> {
  const [source, copies] = [await readCatalogue(pair.source), await readCatalogue(pair.sink)];
  const expected = [...source.values()];
  const catalogues = { source, copies, expected, unknown: [], absent: [], misnamed: [] };
  const signal = AbortSignal.timeout(50_000);
  return await compareByFence(expected, {
    config: configFor(pair, { fence: 'slot' }),
    catalogues,
    settings,
    passFence,
    signal,
    source: async () => pair.source,
    sink: async () => pair.sink,
  });
}

test('a table that is disturbed is tried again, and the other tables keep their answers', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`${ITEMS}; ${ITEMS.replaceAll('items', 'others')}`);
  let fences = 0;
  const { answers, report } = await bySlot(pair, async () => {
    if (fences++ === 0) await pair.onBoth('TRUNCATE items');
    return 'passed';
  });
  expect(answers.get('public.items')).toMatchObject({ equal: true, sourceRows: 0 });
  expect(answers.get('public.others')).toMatchObject({ equal: true, sourceRows: 100 });
  expect(report).toMatchObject({ mode: 'slot', exact: true, attempts: 2, notExact: [] });
});

test('a table that every attempt finds disturbed is given up after three, with the reason and without an answer', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const { answers, report } = await bySlot(pair, async () => {
    await pair.onSource('TRUNCATE items; INSERT INTO items VALUES (1)');
    return 'passed';
  });
  expect(answers.get('public.items')).toBeInstanceOf(Error);
  const notExact = [{ table: 'public.items', reason: expect.stringMatching(/truncated/) }];
  expect(report).toMatchObject({ exact: false, attempts: 3, notExact });
});

const DEBEZIUM = { decimals: 'precise', interval: 'numeric', time: 'adaptive', binary: 'bytes' } as const;

test('a row that is written meanwhile must have what the setting makes of its value, or the value itself', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id int PRIMARY KEY, v interval)');
  await pair.onSource(`INSERT INTO items SELECT i, '1 mon' FROM generate_series(1, 5) i`);
  await pair.onSink(`INSERT INTO items SELECT i, '730:30:00' FROM generate_series(1, 5) i`);
  const { answers, report } = await bySlot(
    pair,
    async () => {
      await pair.onSource(`UPDATE items SET v = '2 mons' WHERE id <= 3`);
      await pair.onSink(`UPDATE items SET v = '1461:00:00' WHERE id = 1; UPDATE items SET v = '2 mons' WHERE id = 2;
        UPDATE items SET v = '1461:00:01' WHERE id = 3; UPDATE items SET v = '730:30:01' WHERE id = 4`);
      return 'passed';
    },
    DEBEZIUM,
  );
  expect(report).toMatchObject({ exact: true, touchedKeys: 3 });
  const answer = answers.get('public.items');
  expect(answer).toMatchObject({ counts: { corrupted: 2, missing: 0 } });
  if (answer === undefined || answer instanceof Error) throw answer;
  expect(answer.wrong.map(({ keyText }) => keyText)).toEqual(['["3"]', '["4"]']);
});

test.each(['STORED', 'VIRTUAL'])(
  'a column that only the source generates (%s) is right in rows written meanwhile',
  async (kind) => {
    await using pair = await databasePair();
    await pair.onSource(`CREATE TABLE items (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (n * 2) ${kind}, n int);
    INSERT INTO items (id, n) VALUES (1, 1), (2, 1), (3, 1)`);
    await pair.onSink(`CREATE TABLE items (id int PRIMARY KEY, twice int, n int);
    INSERT INTO items VALUES (1, 2, 1), (2, 2, 1), (3, 2, 1)`);
    const { answers, report } = await bySlot(pair, async () => {
      await pair.onSource('UPDATE items SET n = 5 WHERE id < 3');
      await pair.onSink(
        'UPDATE items SET n = 5, twice = 10 WHERE id = 1; UPDATE items SET n = 5, twice = 11 WHERE id = 2',
      );
      return 'passed';
    });
    expect(report).toMatchObject({ exact: true, touchedKeys: 2 });
    const answer = answers.get('public.items');
    if (answer === undefined || answer instanceof Error) throw answer;
    expect(answer.wrong.map(({ keyText, columns }) => [keyText, columns])).toEqual([['["2"]', ['twice']]]);
  },
);

test.each(['v', 'id'])('a rename of the column %s that is under way is tried again', async (column) => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const rename = `ALTER TABLE items RENAME COLUMN ${column} TO renamed`;
  let fences = 0;
  const { answers, report } = await bySlot(pair, async () => {
    if (fences++ === 0) await pair.onBoth(rename);
    return 'passed';
  });
  expect(answers.get('public.items')).toMatchObject({ equal: true, sourceRows: 100 });
  expect(report).toMatchObject({ exact: true, attempts: 2, notExact: [] });
});

test('a rename that every attempt finds under way is given up after three', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  let name = 'v';
  const { answers, report } = await bySlot(pair, async () => {
    await pair.onBoth(`ALTER TABLE items RENAME COLUMN ${name} TO ${name}0`);
    name = `${name}0`;
    return 'passed';
  });
  expect(answers.get('public.items')).toBeInstanceOf(Error);
  const notExact = [{ table: 'public.items', reason: expect.stringMatching(/altered/) }];
  expect(report).toMatchObject({ exact: false, attempts: 3, notExact });
});

test('a pipeline that does not pass the fence is not waited for a second time', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const { answers, report } = await bySlot(pair, async () => 'sync-in-progress');
  expect(answers.get('public.items')).toBeInstanceOf(Error);
  expect(report).toMatchObject({ exact: false, attempts: 1 });
});

test('if the verifier may not create a slot, differing keys are settled one by one, and the report says why', async () => {
  await using pair = await databasePair();
  const role = `plain_${new URL(pair.sourceUrl).pathname.slice(-12)}`;
  await pair.onBoth(`${ITEMS}; ${ITEMS.replaceAll('items', 'others')}`);
  await pair.onSource(
    `CREATE ROLE ${role} LOGIN PASSWORD 'plain'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`,
  );
  await pair.onSink('DELETE FROM items WHERE id = 5');
  try {
    const url = Object.assign(new URL(pair.sourceUrl), { username: role, password: 'plain' }).href;
    const config = configFor(pair, { source: { url, slot: null, emitMessages: false } });
    const checks = await loadChecks();
    const report = await verify({ config, checks, deadlineMs: 10_000 });
    expect(report).toMatchObject({
      verdict: 'FAIL',
      findings: [{ class: 'missing', first: { key: { id: '5' } } }],
    });
    expect(report.comparison).toMatchObject({
      exact: false,
      attempts: 1,
      notExact: [{ table: 'public.items', reason: expect.stringMatching(/permission denied/) }],
    });
    await pair.onSink(`INSERT INTO items VALUES (5, 'v')`);
    expect(await verify({ config, checks, deadlineMs: 10_000 })).toMatchObject({
      verdict: 'PASS',
      comparison: null,
    });
  } finally {
    await pair.onSource(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});
