import { expect, test } from 'vitest';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { requestFor } from '../testing/request.ts';
import { openPair } from './pair.ts';
import type { VerifyRequest } from './request.ts';

async function verified(pair: DatabasePair, own: Partial<VerifyRequest> = {}) {
  await using open = await openPair(requestFor(pair, { fence: 'none', deadlineMs: 10_000, ...own }));
  return await open.verify(AbortSignal.timeout(30_000));
}

test('a lossy type is a WARN while no value lost anything, and a FAIL from the first that did', async () => {
  await using pair = await databasePair();
  await pair.onSource(
    `CREATE TABLE items (id int PRIMARY KEY, v json); INSERT INTO items VALUES (1, '{"a": 1}')`,
  );
  await pair.onSink(
    `CREATE TABLE items (id int PRIMARY KEY, v jsonb); INSERT INTO items VALUES (1, '{"a": 1}')`,
  );
  const { report } = await verified(pair);
  expect(report.verdict).toBe('WARN');
  expect(report.findings).toEqual([
    expect.objectContaining({
      check: 'schema-compatibility',
      detail: expect.stringContaining('no key occurs twice'),
    }),
  ]);
  await pair.onSource(`INSERT INTO items VALUES (2, '{"a": 1, "a": 2}')`);
  await pair.onSink(`INSERT INTO items VALUES (2, '{"a": 1, "a": 2}')`);
  const { report: after } = await verified(pair);
  expect(after).toMatchObject({ verdict: 'FAIL', tables: [{ corrupted: 1, missing: 0 }] });
});

test('types without a rule are INCONCLUSIVE and named; the other columns are still compared', async () => {
  await using pair = await databasePair();
  await pair.onSource(
    `CREATE TABLE items (id int PRIMARY KEY, v point, n int); INSERT INTO items VALUES (1, '(1,2)', 5)`,
  );
  await pair.onSink(
    `CREATE TABLE items (id int PRIMARY KEY, v int, n int); INSERT INTO items VALUES (1, 12, 5)`,
  );
  const { report } = await verified(pair);
  expect(report.verdict).toBe('INCONCLUSIVE');
  expect(report.findings).toEqual([
    expect.objectContaining({
      verdict: 'INCONCLUSIVE',
      detail: expect.stringMatching(/column v .*point and integer/),
    }),
  ]);
  await pair.onSink('UPDATE items SET n = 6');
  expect((await verified(pair)).report).toMatchObject({ verdict: 'FAIL', tables: [{ corrupted: 1 }] });
  await pair.onSink('DELETE FROM items');
  const missing = await verified(pair);
  expect(missing.report).toMatchObject({ verdict: 'FAIL', tables: [{ missing: 1 }] });
  expect(missing.repair).toBeNull();
});

test('a key of types without a rule leaves its table out, with the reason', async () => {
  await using pair = await databasePair();
  await pair.onSource('CREATE TABLE items (id uuid PRIMARY KEY)');
  await pair.onSink('CREATE TABLE items (id int PRIMARY KEY)');
  const { report } = await verified(pair);
  expect(report.verdict).toBe('INCONCLUSIVE');
  expect(JSON.stringify(report)).toContain(
    'key column id cannot be compared: no rule makes uuid and integer comparable',
  );
});

test.each([
  ['char(5)', 'text', 'a', 'b'],
  ['boolean', 'text', 'true', 'false'],
  ['inet', 'text', '10.0.0.1', '10.0.0.2'],
  ['date', 'timestamptz', '2026-01-01', '2026-01-02'],
  ['int', 'numeric(12,2)', '1', '2'],
  ['bit(1)', 'boolean', '0', '1'],
])(
  'rows are found by a key that is %s at the source and %s in the sink',
  async (ours, theirs, right, wrong) => {
    await using pair = await databasePair();
    const fill = `INSERT INTO items VALUES ('${right}', 1), ('${wrong}', 1)`;
    await pair.onSource(`SET TIME ZONE 'UTC'; CREATE TABLE items (id ${ours} PRIMARY KEY, n int); ${fill}`);
    await pair.onSink(`SET TIME ZONE 'UTC'; CREATE TABLE items (id ${theirs} PRIMARY KEY, n int); ${fill}`);
    expect((await verified(pair)).report.verdict).toBe('PASS');
    await pair.onSink(`UPDATE items SET n = 2 WHERE id = '${wrong}'`);
    const { report } = await verified(pair);
    expect(report.tables).toMatchObject([{ corrupted: 1, missing: 0, extra: 0 }]);
  },
);

test.each(['STORED', 'VIRTUAL'])(
  'a column that only the source generates (%s) is compared with the values of the sink',
  async (kind) => {
    await using pair = await databasePair();
    await pair.onSource(`CREATE TABLE items (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) ${kind});
      INSERT INTO items VALUES (1, 2), (2, 3)`);
    await pair.onSink(
      'CREATE TABLE items (id int PRIMARY KEY, n int, twice int); INSERT INTO items VALUES (1, 2, 4), (2, 3, 6)',
    );
    for (const fence of ['none', 'quiesce'] as const) {
      expect((await verified(pair, { fence })).report).toMatchObject({ verdict: 'PASS', findings: [] });
    }
    await pair.onSink('UPDATE items SET twice = 7 WHERE id = 2');
    for (const fence of ['none', 'quiesce'] as const) {
      const { report, repair } = await verified(pair, { fence });
      expect(report).toMatchObject({ verdict: 'FAIL', tables: [{ corrupted: 1 }] });
      expect(report.findings[0]?.first).toEqual({
        key: { id: '2' },
        columns: ['twice'],
        detail: expect.anything(),
      });
      if (fence === 'quiesce') await pair.onSink(repair ?? '');
    }
    expect((await verified(pair)).report.verdict).toBe('PASS');
  },
);

test('a column that only the sink generates is compared, and left out of a repair', async () => {
  await using pair = await databasePair();
  await pair.onSource(
    'CREATE TABLE items (id int PRIMARY KEY, n int, twice int); INSERT INTO items VALUES (1, 2, 4)',
  );
  await pair.onSink(`CREATE TABLE items (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED);
    INSERT INTO items VALUES (1, 2)`);
  const { report } = await verified(pair);
  expect(report).toMatchObject({ verdict: 'WARN', tables: [{ corrupted: 0 }] });
  expect(report.findings[0]?.detail).toContain('generated by the sink');
  await pair.onSink('ALTER TABLE items RENAME COLUMN twice TO double');
  const map = ['public.items.twice=double'];
  expect((await verified(pair, { map })).report).toMatchObject({
    verdict: 'WARN',
    tables: [{ corrupted: 0 }],
  });
  await pair.onSource('UPDATE items SET twice = 5; INSERT INTO items VALUES (2, 3, 6)');
  const wrong = await verified(pair, { map });
  expect(wrong.report).toMatchObject({ verdict: 'FAIL', tables: [{ corrupted: 1, missing: 1 }] });
  await pair.onSink(wrong.repair ?? '');
  expect((await verified(pair, { map })).report.tables).toMatchObject([{ corrupted: 1, missing: 0 }]);
});
