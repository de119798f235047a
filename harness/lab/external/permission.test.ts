import { expect, test } from 'vitest';
import { mustBeOwned, objections, serviceBehind } from './permission.ts';
import type { ExternalConfigInput } from './target-config.ts';
import { parseExternalConfig } from './target-config-file.ts';

const MARKER = { cdcLab: 1, database: 'shop', systemIdentifier: '7', by: 'me', at: '2026-01-01T00:00:00Z' };

/** A source with this marker and these slots. */
function sourceWith({
  comment = null as string | null,
  slots = [] as { name: string; type: string }[],
} = {}) {
  return {
    query: async () => slots,
    one: async () => ({ comment, database: 'shop', system: '7' }),
  };
}

function configOf(change: Partial<ExternalConfigInput> = {}) {
  const place = { host: '127.0.0.1', database: 'shop', user: 'lab' };
  const whole: ExternalConfigInput = {
    source: { ...place, slot: 'shop', publication: 'shop' },
    sink: { ...place, port: 5433 },
    kafka: { bootstrapServers: ['127.0.0.1:9092'] },
    connect: { url: 'http://127.0.0.1:8083' },
    connectors: { source: { name: 'a' }, sink: { name: 'b' } },
    topicPrefix: 'shop',
  };
  return parseExternalConfig({ ...whole, ...change }, '/nowhere/cdc-lab.config.json');
}

const said = async (...given: Parameters<typeof objections>) =>
  (await objections(...given)).map(({ why }) => why).join('; ');
const marked = sourceWith({ comment: JSON.stringify(MARKER) });

test('a marked database may be broken', async () => {
  expect(await said(configOf(), marked, null)).toBe('');
});

test('an unmarked one may not, unless the flag gives its name and no other', async () => {
  expect(await said(configOf(), sourceWith(), null)).toBe(
    "the database shop does not carry the lab's marker",
  );
  expect(await said(configOf(), sourceWith(), 'shop')).toBe('');
  expect(await said(configOf(), marked, 'shop2')).toContain('says shop2, and the source database is shop');
});

test.each([
  ['another server', { ...MARKER, systemIdentifier: '8' }],
  ['another name', { ...MARKER, database: 'shop_live' }],
])('a marker that came in a dump to %s permits nothing', async (_, marker) => {
  const source = sourceWith({ comment: JSON.stringify(marker) });
  expect(await said(configOf(), source, null)).toContain('the marker in shop was made for');
});

test('a comment that is not a marker permits nothing', async () => {
  expect(await said(configOf(), sourceWith({ comment: 'owned by team shop' }), null)).toContain(
    'does not carry',
  );
});

test.each([
  [
    'the source',
    { source: { host: 'a.rds.amazonaws.com', database: 'shop', user: 'x', slot: 's', publication: 'p' } },
  ],
  ['a broker', { kafka: { bootstrapServers: ['127.0.0.1:9092', 'pkc-1.aws.confluent.cloud:9092'] } }],
  ['Connect', { connect: { url: 'https://connect.aivencloud.com/' } }],
] satisfies [string, Partial<ExternalConfigInput>][])(
  '%s at a managed host is refused despite marker and flag',
  async (_, change) => {
    expect(await said(configOf(change), marked, 'shop')).toMatch(/ is a host of /);
    const owned = ['a.rds.amazonaws.com', 'pkc-1.aws.confluent.cloud', 'connect.aivencloud.com'];
    expect(await said(configOf({ ...change, owned }), marked, 'shop')).toBe('');
  },
);

test('aliases are followed to the managed host, and a cycle of aliases ends', async () => {
  const aliases: Record<string, string> = {
    'db.test': 'db.internal.test',
    'db.internal.test': 'writer.test',
    'writer.test': 'a.rds.amazonaws.com',
    'left.test': 'right.test',
    'right.test': 'left.test',
  };
  const asked: string[] = [];
  const resolve = async (name: string) => {
    asked.push(name);
    const to = aliases[name];
    if (to === undefined) throw new Error('ENODATA');
    return [to];
  };
  expect(await serviceBehind('db.test', resolve)).toMatch(/RDS/);
  expect(await serviceBehind('own.test', resolve)).toBeNull();
  asked.length = 0;
  expect(await serviceBehind('left.test', resolve)).toBeNull();
  expect(asked).toHaveLength(8);
});

test('a name that sounds like production is refused', async () => {
  const sink = { host: '127.0.0.1', database: 'dwh_prod', user: 'lab' };
  expect(await said(configOf({ sink }), marked, null)).toBe(
    'the database name dwh_prod sounds like production',
  );
  expect(await said(configOf({ sink, owned: ['dwh_prod'] }), marked, null)).toBe('');
});

test('other slots are refused, each by its name', async () => {
  const slots = [
    { name: 'standby_1', type: 'physical' },
    { name: 'warehouse', type: 'logical' },
  ];
  const source = { ...marked, query: async () => slots };
  expect(await said(configOf(), source, null)).toBe(
    'a standby server depends on the replication slot standby_1; ' +
      'another program reads the changes through the replication slot warehouse',
  );
  expect(await said(configOf({ owned: ['warehouse'] }), source, null)).not.toContain('warehouse');
});

test('a refusal names every reason, and what would help', () => {
  const found = [
    { why: 'one', remedy: 'Do this.' },
    { why: 'two', remedy: 'Do this.' },
  ];
  expect(() => mustBeOwned(found)).toThrow('only looked at, not broken: one; two.');
  expect(() => mustBeOwned(found)).toThrow(expect.objectContaining({ remedy: 'Do this.' }));
  expect(() => mustBeOwned([])).not.toThrow();
});
