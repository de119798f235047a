import { afterAll, beforeAll, describe, expect, inject, type TestContext, test } from 'vitest';
import { OTHER_MAJORS, otherPostgres } from '../../fixtures/testing/other-postgres.ts';
import { ownPostgres, type PostgresServer } from '../../fixtures/testing/postgres-server.ts';
import type { Report } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { replicateOrders, subscriptionOf, writeOrders } from '../testing/native-replication.ts';
import { NO_SLOT, readerRole } from '../testing/reader-role.ts';
import { requestFor } from '../testing/request.ts';
import { openPair } from './pair.ts';
import type { VerifyRequest } from './request.ts';

async function verified(pair: DatabasePair, own: Partial<VerifyRequest>): Promise<Report> {
  return (await (await openPair(requestFor(pair, own))).verify(AbortSignal.timeout(50_000))).report;
}

// Every type whose text or hash might differ between versions: name, type, value.
const TYPES: [string, string, string][] = [
  ['n', 'numeric', `(i * 1.10)::numeric`],
  ['f', 'float8', `CASE i WHEN 1 THEN 'NaN' WHEN 2 THEN '-0' ELSE i / 3.0::float8 END`],
  ['r', 'real', `(i / 7.0)::real`],
  ['t', 'timestamptz', `'2026-01-01Z'::timestamptz + i * interval '1 day 1.000001 s'`],
  ['v', 'interval', `i * interval '1 month 3 days -4.5 s'`],
  ['j', 'jsonb', `jsonb_build_object('a', i, 'ü', NULL, 'x', 1.0)`],
  ['k', 'json', `'{"b" : 1.0 }'::json`],
  ['a', 'text[]', `ARRAY['x,"y', NULL, 'NULL', i::text]`],
  ['b', 'bytea', `decode(md5(i::text), 'hex')`],
  ['u', 'uuid', `md5(i::text)::uuid`],
  ['m', 'mood', `(ARRAY['sad', 'so, so'])[1 + i % 2]::mood`],
  ['c', 'char(5)', `'c' || i`],
  ['s', 'text', `repeat('Straße € ', i % 40) || i`],
  ['g', 'int4range', `int4range(i, i + 2)`],
  ['w', 'inet', `'10.0.0.1/24'::inet + i`],
  ['o', 'point', `point(i / 3.0, i)`],
  ['d', 'date', `CASE i WHEN 1 THEN 'infinity' ELSE '2026-01-01'::date - i * 1000 END`],
  ['y', 'money', `i::money`],
  ['q', 'tsvector', `('a:' || i || ' b')::tsvector`],
  ['p', 'jsonpath', `('$.a[' || i || '] ? (@ > 1.50)')::jsonpath`],
  ['x', 'xml', `('<a b="' || i || '">é</a>')::xml`],
  ['e', 'timetz', `'12:00+05:30'::timetz + i * interval '1 s'`],
  ['l', 'bit varying', `i::bit(12)`],
  ['n2', 'numeric(12,2)', `(150 - i) * 100.01`],
  ['bo', 'boolean', `i > 150`],
  ['i2', 'smallint', `(i * 109 - 30000)::int2`],
  ['i8', 'bigint', `(150 - i) * 4294967297`],
  ['ts', 'timestamp', `'0100-01-01'::timestamp - i * interval '1 year 1.000001 s'`],
  ['ti', 'time', `'12:00'::time + i * interval '1.000001 s'`],
  // The only type whose text has changed: since 15, `\303` instead of a lone byte.
  ['h', '"char"', `CASE WHEN i < 150 THEN 'é' ELSE 'e' END::"char"`],
];

describe.each(OTHER_MAJORS)('PostgreSQL %i', (major) => {
  const binaries = otherPostgres(major);
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    if (binaries !== undefined) server = await ownPostgres(binaries);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  /** This server as the sink of the lab's source, or as the source of the lab's sink. */
  async function pairOf(as: 'source' | 'sink', { skip }: TestContext): Promise<DatabasePair> {
    if (server === undefined) {
      return skip(`PostgreSQL ${major} is not installed: sh harness/setup/other-postgres.sh`);
    }
    return databasePair(as === 'sink' ? [inject('sourceUrl'), server.url] : [server.url, inject('sinkUrl')]);
  }

  test.for(['source', 'sink'] as const)(
    'as %s: with SELECT only, equal values are equal, and each wrong column is named',
    async (as, context) => {
      await using pair = await pairOf(as, context);
      const declared = TYPES.map(([name, type]) => `${name} ${type}`).join(', ');
      await pair.onBoth(`CREATE TYPE mood AS ENUM ('sad', 'so, so');
        SET TIME ZONE 'UTC'; SET lc_monetary = 'C';
        CREATE TABLE items (id bigint PRIMARY KEY, ${declared}, z text);
        INSERT INTO items SELECT i, ${TYPES.map(([, , value]) => value).join(', ')}, NULL
        FROM generate_series(1, 300) i`);
      await using role = await readerRole(pair);
      const passed = await verified(pair, { ...role.login, fence: 'none' });
      expect(passed).toMatchObject({ verdict: 'PASS', coverage: 1 });
      // In each row another column gets the value of another row, which differs for most types.
      const swaps = TYPES.map(
        ([name], i) =>
          `UPDATE items SET ${name} = (SELECT o.${name} FROM items o WHERE o.id = ${200 + i}) WHERE id = ${100 + i}`,
      );
      await pair.onSink(`${swaps.join(';')}; UPDATE items SET z = '' WHERE id = 50`);
      const report = await verified(pair, { ...role.login, fence: as === 'source' ? 'quiesce' : 'none' });
      const named = [...TYPES.map(([name]) => name).filter((name) => !['k', 'm'].includes(name)), 'z'];
      expect(report).toMatchObject({
        verdict: 'FAIL',
        findings: [{ class: 'corrupted', count: named.length }],
      });
      const columns = / in public\.items in (.*), lost at/.exec(report.findings[0]?.detail ?? '')?.[1] ?? '';
      expect(columns.split(', ').sort()).toEqual(named.sort());
    },
  );

  test.for(['source', 'sink'] as const)(
    'as %s: a byte beyond ASCII in a "char" is repaired to the same byte',
    async (as, context) => {
      await using pair = await pairOf(as, context);
      await pair.onBoth(`CREATE TABLE bytes (id int PRIMARY KEY, h "char")`);
      await pair.onSource(`INSERT INTO bytes SELECT i + 128, i::"char" FROM generate_series(-128, 127) i`);
      // A third of the rows is missing, and a third is wrong.
      await pair.onSink(`INSERT INTO bytes SELECT i + 128, CASE i % 3 WHEN 0 THEN i ELSE 65 END::"char"
        FROM generate_series(-128, 127) i WHERE i % 3 <> 1`);
      const open = await openPair(requestFor(pair, { fence: 'none' }));
      const { report, repair } = await open.verify(AbortSignal.timeout(50_000));
      expect(report.verdict).toBe('FAIL');
      await pair.onSink(repair ?? '');
      const bytes = 'SELECT string_agg(h::int4::text, $1 ORDER BY id) AS bytes FROM public.bytes';
      const held = await Promise.all([pair.source, pair.sink].map((side) => side.one(bytes, [' '])));
      expect(held[1]).toEqual(held[0]);
      const mended = await open.verify(AbortSignal.timeout(50_000));
      expect(mended).toMatchObject({ report: { verdict: 'PASS' }, repair: null });
    },
  );

  test.for(['source', 'sink'] as const)(
    'as %s of logical replication under writes: PASS with REPLICATION, FAIL for a row corrupted by hand, PASS after its repair',
    async (as, context) => {
      await using pair = await pairOf(as, context);
      await using _ = await replicateOrders(pair);
      await using role = await readerRole(pair);
      const follow = { ...role.login, subscription: subscriptionOf(pair) };
      const refused = await verified(pair, follow);
      expect(refused.verdict).toBe('INCONCLUSIVE');
      expect(JSON.stringify(refused.checks)).toMatch(NO_SLOT);

      await pair.onSource(`ALTER ROLE ${role.name} REPLICATION`);
      await using writer = writeOrders(pair.sourceUrl);
      await expect.poll(writer.written, { timeout: 20_000 }).toBeGreaterThan(5);
      const first = await verified(pair, follow);
      expect(first.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([]);
      expect(first).toMatchObject({ verdict: 'PASS', comparison: { exact: true } });

      await pair.onSink(`UPDATE orders SET amount = amount + 0.01 WHERE id = 4711`);
      expect(await verified(pair, follow)).toMatchObject({
        verdict: 'FAIL',
        findings: [{ class: 'corrupted', count: 1, first: { key: { id: '4711' }, columns: ['amount'] } }],
      });
      await pair.onSink(`UPDATE orders SET amount = amount - 0.01 WHERE id = 4711`);
      expect(await verified(pair, follow)).toMatchObject({ verdict: 'PASS', findings: [] });
    },
  );
});
