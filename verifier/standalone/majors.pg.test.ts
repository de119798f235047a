import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freePorts } from '../../harness/runtimes/process/ports.ts';
import { Database } from '../postgres.ts';
import type { Report } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { installedMajors, type StartedServer, startServer } from '../testing/other-major.ts';
import { requestFor } from '../testing/request.ts';
import { openPair } from './pair.ts';
import type { VerifyRequest } from './request.ts';

/** Another major version than the lab's own, where one is installed. */
let other: (StartedServer & { readonly major: number }) | null = null;

beforeAll(async () => {
  await using source = await Database.connect('source', inject('sourceUrl'), 30_000);
  const { major } = await source.one(`SELECT current_setting('server_version_num')::int / 10000 AS major`);
  const [first] = [...installedMajors()].filter(([one]) => one !== Number(major));
  if (first === undefined) return;
  const [port = 0] = await freePorts(1);
  other = { ...(await startServer(first[1], port)), major: first[0] };
});
afterAll(async () => {
  await other?.[Symbol.asyncDispose]();
});

const NONE = 'no other major version of PostgreSQL is installed; on Debian: apt-get install postgresql-15';

async function verified(pair: DatabasePair, own: Partial<VerifyRequest>): Promise<Report> {
  return (await (await openPair(requestFor(pair, own))).verify(AbortSignal.timeout(50_000))).report;
}

/** Wrong columns by key, as the report names them. */
function wrong(report: Report): Record<string, readonly string[]> {
  const examples = report.findings.flatMap((one) => one.examples);
  return Object.fromEntries(examples.map(({ key, columns }) => [`${Object.values(key)}`, columns]));
}

// Of every type whose text or hash might be another's in another version.
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
];

test.for(['to', 'from'])(
  'values are compared alike %s another major version, and each wrong one is named',
  async (way, ctx) => {
    if (other === null) return ctx.skip(NONE);
    await using pair = await databasePair(
      way === 'to' ? [inject('sourceUrl'), other.url] : [other.url, inject('sinkUrl')],
    );
    const declared = TYPES.map(([name, type]) => `${name} ${type}`).join(', ');
    await pair.onBoth(`CREATE TYPE mood AS ENUM ('sad', 'so, so'); SET TIME ZONE 'UTC'; SET lc_monetary = 'C';
    CREATE TABLE items (id bigint PRIMARY KEY, ${declared}, z text);
    INSERT INTO items SELECT i, ${TYPES.map(([, , value]) => value).join(', ')}, NULL FROM generate_series(1, 300) i`);
    expect(await verified(pair, { fence: 'none' })).toMatchObject({ verdict: 'PASS', coverage: 1 });
    // A column each, in a row of its own: the value of the row after the next, where that is another one.
    const swaps = TYPES.map(
      ([name], i) =>
        `UPDATE items SET ${name} = (SELECT o.${name} FROM items o WHERE o.id = ${200 + i}) WHERE id = ${100 + i}`,
    );
    await pair.onSink(`${swaps.join(';')}; UPDATE items SET z = '' WHERE id = 50`);
    const report = await verified(pair, { fence: 'quiesce' });
    const named = [...TYPES.map(([name]) => name).filter((name) => !['k', 'm'].includes(name)), 'z'];
    expect(report).toMatchObject({
      verdict: 'FAIL',
      findings: [{ class: 'corrupted', count: named.length }],
    });
    const columns = / in public\.items in (.*), lost at/.exec(report.findings[0]?.detail ?? '')?.[1] ?? '';
    expect(columns.split(', ').sort()).toEqual(named.sort());
  },
);

test.for(['to', 'from'])(
  "PostgreSQL's own replication %s another major version: PASS, a row corrupted by hand FAIL, mended PASS",
  async (way, ctx) => {
    if (other === null) return ctx.skip(NONE);
    await using pair = await databasePair(
      way === 'to' ? [inject('sourceUrl'), other.url] : [other.url, inject('sinkUrl')],
    );
    const table = 'CREATE TABLE orders (id int PRIMARY KEY, status text, amount numeric, version bigint)';
    await pair.onSource(`${table}; INSERT INTO orders SELECT i, 'new', i * 1.10, 1 FROM generate_series(1, 2000) i;
      CREATE PUBLICATION all_orders FOR TABLE orders`);
    await pair.onSink(table);
    const { hostname, port, username, password, pathname } = new URL(pair.sourceUrl);
    const name = pathname.slice(1);
    const secret = password === '' ? '' : ` password=${decodeURIComponent(password)}`;
    const link = `host=${hostname} port=${port} user=${username}${secret} dbname=${name}`;
    await pair.onSink(`CREATE SUBSCRIPTION ${name} CONNECTION '${link}' PUBLICATION all_orders`);
    try {
      const follow = { subscription: name };
      const first = await verified(pair, follow);
      expect(first.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([]);
      expect(first).toMatchObject({ verdict: 'PASS', comparison: { exact: true } });
      await pair.onSource(`UPDATE orders SET status = 'paid', version = 2 WHERE id <= 50`);
      await pair.onSink(`UPDATE orders SET amount = amount + 0.01 WHERE id = 1711`);
      const report = await verified(pair, follow);
      expect(report).toMatchObject({ verdict: 'FAIL', findings: [{ class: 'corrupted', count: 1 }] });
      expect(wrong(report)).toEqual({ '1711': ['amount'] });
      await pair.onSink(`UPDATE orders SET amount = amount - 0.01 WHERE id = 1711`);
      expect(await verified(pair, follow)).toMatchObject({ verdict: 'PASS', findings: [] });
    } finally {
      await pair.onSink(`DROP SUBSCRIPTION ${name}`);
    }
  },
);
