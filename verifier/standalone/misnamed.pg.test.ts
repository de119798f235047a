import { expect, test } from 'vitest';
import { databasePair } from '../testing/databases.ts';
import { requestFor } from '../testing/request.ts';
import { openPair } from './pair.ts';
import type { VerifyRequest } from './request.ts';

const SLIPS: readonly [Partial<VerifyRequest>, string][] = [
  [
    { tables: ['public.ordrs'] },
    '--tables names public.ordrs, which the source does not have: did you mean public.orders?',
  ],
  [
    { tables: ['archive.orders'] },
    '--tables names archive.orders, which the source does not have: did you mean public.orders?',
  ],
  [{ tables: ['public.recent'] }, '--tables names public.recent, which is a view at the source and'],
  [{ tables: ['public.zzz'] }, '--tables names public.zzz, which the source does not have.'],
  [{ excludeTables: ['public.odrers'] }, '--exclude-tables names public.odrers, which the source'],
  [{ excludeTables: ['public.debezium_signal'] }, '--exclude-tables names public.debezium_signal, which'],
  [{ map: ['public.order=archive.orders'] }, '--map names public.order, which the source does not have: did'],
  [
    { map: ['public.orders=archiv.orders'] },
    '--map maps public.orders to archiv.orders, which the sink does not have: did you mean archive.orders?',
  ],
  [
    { map: ['public.orders=archive.orders', 'public.orders.amout=total'] },
    '--map names column amout of public.orders, which the source does not have: did you mean amount?',
  ],
  [
    { map: ['public.orders=archive.orders', 'public.orders.amount=totl'] },
    '--map names column totl of archive.orders, which the sink does not have: did you mean total?',
  ],
];

test('a name that nothing has is refused before anything is compared, with the flag and the nearest name', async () => {
  await using pair = await databasePair();
  await pair.onSource(
    'CREATE TABLE orders (id int PRIMARY KEY, amount int); CREATE VIEW recent AS SELECT id FROM orders',
  );
  await pair.onSink('CREATE SCHEMA archive; CREATE TABLE archive.orders (id int PRIMARY KEY, total int)');
  for (const [own, message] of SLIPS) {
    await expect(openPair(requestFor(pair, { fence: 'none', ...own }))).rejects.toMatchObject({
      code: 'CDC-4064',
      message: expect.stringContaining(message),
    });
  }
  const map = ['public.orders=archive.orders', 'public.orders.amount=total'];
  const right = { map, tables: ['public.orders'], excludeTables: ['public.recent'] };
  await using open = await openPair(requestFor(pair, { fence: 'none', ...right }));
  expect((await open.verify(AbortSignal.timeout(30_000))).report.verdict).toBe('PASS');
});

test('tables that are mapped to one copy are refused, unless all but one are left out', async () => {
  await using pair = await databasePair();
  await pair.onSource('CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE two (id int PRIMARY KEY)');
  await pair.onSink('CREATE TABLE joint (id int PRIMARY KEY)');
  const map = ['public.one=public.joint', 'public.two=public.joint'];
  await expect(openPair(requestFor(pair, { fence: 'none', map }))).rejects.toMatchObject({
    code: 'CDC-4064',
    message: expect.stringMatching(
      /^public\.(one|two) and public\.(one|two) have the same copy public\.joint/,
    ),
  });
  const right = { map, excludeTables: ['public.two'] };
  await using open = await openPair(requestFor(pair, { fence: 'none', ...right }));
  expect((await open.verify(AbortSignal.timeout(30_000))).report.verdict).toBe('PASS');
});
