import { expect, test } from 'vitest';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { PassFence } from '../observe/fence.ts';
import { readCatalogue } from '../observe/source/catalogue.ts';
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

async function bySlot(pair: DatabasePair, passFence: PassFence): Promise<FencedAnswers> {
  const [source, copies] = [await readCatalogue(pair.source), await readCatalogue(pair.sink)];
  const expected = [...source.values()];
  const catalogues = { source, copies, expected, unknown: [], absent: [], misnamed: [] };
  const signal = AbortSignal.timeout(50_000);
  return await compareByFence(expected, {
    config: configFor(pair, { fence: 'slot' }),
    catalogues,
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
