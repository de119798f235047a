import { expect, test } from 'vitest';
import { configOf, type VerifyRequest } from './request.ts';

const REQUEST: VerifyRequest = {
  source: 'postgres://reader@one.example/app',
  sink: 'postgresql://reader@two.example:5433/copy?sslmode=require',
  tables: [],
  excludeTables: [],
  map: [],
  softDelete: undefined,
  fence: 'slot',
  progressSlot: 'pipeline',
  subscription: undefined,
  deadlineMs: 60_000,
  versionColumn: 'version',
  passwords: { source: undefined, sink: undefined },
};

function reason(own: Partial<VerifyRequest>): string {
  try {
    configOf({ ...REQUEST, ...own });
  } catch (error) {
    expect(error).toMatchObject({ code: 'CDC-4064', remedy: expect.stringMatching(/\w/) });
    return error instanceof Error ? error.message : '';
  }
  throw new Error('it was accepted');
}

test('a request becomes a configuration without Kafka, which writes nothing to the source', () => {
  const config = configOf({
    ...REQUEST,
    tables: ['orders', 'sales.items'],
    map: ['orders=archive.old_orders', 'sales.items.total=amount'],
  });
  expect(config).toMatchObject({
    kafka: null,
    fence: 'slot',
    source: { url: 'postgres://reader@one.example/app', slot: 'pipeline', emitMessages: false },
    sink: { sameSchemas: true },
    tables: ['public.orders', 'sales.items'],
    tableMap: { 'public.orders': 'archive.old_orders' },
    columnMap: { 'sales.items': { total: 'amount' } },
  });
});

test('names that are quoted as PostgreSQL does may have dots, commas and equals signs', () => {
  const config = configOf({
    ...REQUEST,
    tables: ['"a.b".c', 'a."b.c"', 'Orders', '"orders"'],
    excludeTables: ['"x,y"'],
    map: ['"a.b".c="c=d"', 'a."b.c"."n=1"="n.2"'],
  });
  expect(config).toMatchObject({
    tables: ['"a.b".c', 'a."b.c"', 'public."Orders"', 'public.orders'],
    excludeTables: ['public."x,y"'],
    tableMap: { '"a.b".c': 'public."c=d"' },
    columnMap: { 'a."b.c"': { 'n=1': 'n.2' } },
  });
});

test('a password from outside the URL is used, whatever characters it has', () => {
  const config = configOf({ ...REQUEST, passwords: { source: 'p@ss/w:rd %', sink: undefined } });
  expect(decodeURIComponent(new URL(config.source.url).password)).toBe('p@ss/w:rd %');
  expect(new URL(config.sink.url).password).toBe('');
});

test('a password goes with the URL of a Unix socket too, which has no host', () => {
  const source = 'postgres:///app?host=/run/pg&user=lab';
  const config = configOf({ ...REQUEST, source, passwords: { source: 'p@ss', sink: undefined } });
  expect(Object.fromEntries(new URL(config.source.url).searchParams)).toEqual({
    host: '/run/pg',
    user: 'lab',
    password: 'p@ss',
  });
});

test('a password in a URL is refused and not repeated', () => {
  expect(reason({ source: 'postgres://u:secret@one.example/app' })).toMatch(/^(?!.*secret).*password/);
  expect(reason({ sink: 'postgres://two.example/app?password=secret' })).toMatch(/^(?!.*secret).*password/);
});

test.each<[string, Partial<VerifyRequest>, RegExp]>([
  ['no source', { source: undefined }, /no source/],
  ['a sink that is not a URL', { sink: 'host=x dbname=y' }, /not the URL/],
  ['a URL of another database', { sink: 'mysql://two.example/app' }, /not the URL/],
  ['a URL without database', { sink: 'postgres://two.example' }, /not the URL/],
  ['a misspelt sslmode', { source: 'postgres://one.example/app?sslmod=require' }, /mean "sslmode"/],
  [
    'an sslmode that may be plain text',
    { sink: 'postgres://b.example/app?sslmode=prefer' },
    /falls back to plain/,
  ],
  ['a slot fence without a pipeline to follow', { progressSlot: undefined }, /carried a position/],
  ['two pipelines to follow', { subscription: 'sub' }, /cannot be combined/],
  ['a mapping to nowhere', { map: ['orders'] }, /not a pair/],
  ['a column mapped to a table', { map: ['public.orders.total=archive.orders'] }, /not a pair/],
  ['a table of three parts', { tables: ['a.b.c'] }, /not a table's name/],
  ['a quote without an end', { excludeTables: ['"a.b'] }, /not a table's name/],
  ['a column of four parts', { map: ['a.b.c.d=e'] }, /not a pair/],
])('%s is refused, with a remedy', (_, own, message) => {
  expect(reason(own)).toMatch(message);
});

test('a quiet pair needs no pipeline to follow', () => {
  expect(configOf({ ...REQUEST, fence: 'quiesce', progressSlot: undefined }).source.slot).toBeNull();
});
