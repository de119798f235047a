import { expect, test } from 'vitest';
import type { Report } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import {
  FILLED,
  ORDERS,
  replicateOrders,
  subscriptionOf,
  writeOrders,
} from '../testing/native-replication.ts';
import { NO_SLOT, readerRole } from '../testing/reader-role.ts';
import { requestFor } from '../testing/request.ts';
import { openPair } from './pair.ts';
import type { VerifyRequest } from './request.ts';

const watched = (pair: DatabasePair, own: Partial<VerifyRequest> = {}): VerifyRequest =>
  requestFor(pair, { subscription: subscriptionOf(pair), ...own });

async function verified(request: VerifyRequest): Promise<Report> {
  return (await (await openPair(request)).verify(AbortSignal.timeout(50_000))).report;
}

test('a subscription under live writes is a PASS; a row corrupted by hand is a FAIL with key and column, until it is repaired', async () => {
  await using pair = await databasePair();
  await using _ = await replicateOrders(pair);
  await using writer = writeOrders(pair.sourceUrl);
  await expect.poll(writer.written, { timeout: 20_000 }).toBeGreaterThan(20);
  const request = watched(pair);

  const first = await verified(request);
  expect(first).toMatchObject({ verdict: 'PASS', coverage: 1, findings: [] });
  expect(first.comparison).toMatchObject({ mode: 'slot', exact: true });

  await pair.onSink(
    `UPDATE orders SET amount = amount + 0.01 WHERE id = 4711; DELETE FROM orders WHERE id = 4712`,
  );
  const second = await verified(request);
  expect(second.verdict).toBe('FAIL');
  expect(second.findings).toEqual([
    expect.objectContaining({
      class: 'corrupted',
      table: 'public.orders',
      count: 1,
      first: expect.objectContaining({ key: { id: '4711' }, columns: ['amount'] }),
    }),
    expect.objectContaining({
      class: 'missing',
      count: 1,
      first: expect.objectContaining({ key: { id: '4712' } }),
    }),
  ]);

  await pair.onSink(`UPDATE orders SET amount = amount - 0.01 WHERE id = 4711;
                     INSERT INTO orders VALUES (4712, 'new', 4712 * 1.10, 1)`);
  expect(await verified(request)).toMatchObject({ verdict: 'PASS', findings: [] });
  expect(writer.written()).toBeGreaterThan(50);
});

test('a disabled subscription is waited for, and is never a PASS', async () => {
  await using pair = await databasePair();
  await using _ = await replicateOrders(pair);
  const request = watched(pair, { deadlineMs: 15_000 });
  expect(await verified(request)).toMatchObject({ verdict: 'PASS' });
  const name = request.subscription ?? '';
  await pair.onSink(`ALTER SUBSCRIPTION ${name} DISABLE`);
  await pair.onSource(`UPDATE orders SET status = 'unseen' WHERE id = 1`);
  const report = await verified({ ...request, deadlineMs: 1_000 });
  expect(['INCONCLUSIVE', 'SYNC_IN_PROGRESS']).toContain(report.verdict);
  await pair.onSink(`ALTER SUBSCRIPTION ${name} ENABLE`);
  expect(await verified(request)).toMatchObject({ verdict: 'PASS' });
});

test('rows of a table that the subscription does not carry are missing, and rows of a table that left the publication go stale', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE others (id int PRIMARY KEY)');
  await using _ = await replicateOrders(pair);
  expect(await verified(watched(pair))).toMatchObject({ verdict: 'PASS' });
  await pair.onSource('INSERT INTO others VALUES (1); ALTER PUBLICATION all_orders DROP TABLE orders');
  await pair.onSource(`UPDATE orders SET version = 2 WHERE id = 7`);
  const report = await verified(watched(pair));
  expect(report.verdict).toBe('FAIL');
  const found = report.findings.map(({ class: name, table, count }) => [name, table, count]);
  expect(found).toEqual(
    expect.arrayContaining([
      ['missing', 'public.others', 1],
      ['stale', 'public.orders', 1],
    ]),
  );
  expect(await verified(watched(pair, { tables: ['public.others'] }))).toMatchObject({ verdict: 'FAIL' });
});

test('the documented grants are sufficient, and each is necessary', async () => {
  await using pair = await databasePair();
  await using _ = await replicateOrders(pair);
  await using role = await readerRole(pair);
  const request = watched(pair, role.login);
  const quiet = { fence: 'quiesce', subscription: undefined } as const;
  const verdict = async () => (await verified({ ...request, ...quiet })).verdict;
  await expect.poll(verdict, { timeout: 30_000 }).toBe('PASS');
  expect(await verified({ ...request, ...quiet, fence: 'none' })).toMatchObject({ verdict: 'PASS' });

  const refused = await verified(request);
  expect(refused.verdict).toBe('INCONCLUSIVE');
  expect(JSON.stringify(refused.checks)).toMatch(NO_SLOT);

  await pair.onSource(`ALTER ROLE ${role.name} REPLICATION`);
  expect(await verified(request)).toMatchObject({ verdict: 'PASS', comparison: { exact: true } });

  await pair.onSource(`REVOKE SELECT ON orders FROM ${role.name};
                       GRANT SELECT (id, status, version) ON orders TO ${role.name}`);
  const blind = await verified(request);
  expect(blind).toMatchObject({ verdict: 'INCONCLUSIVE', coverage: 0 });
  expect(JSON.stringify(blind.checks)).toMatch(/SELECT privilege on public.orders/);
});

test('a quiet pair is compared by two equal reads; a pair that is written to meanwhile is not judged', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`${ORDERS}; ${FILLED}`);
  const request = watched(pair, { fence: 'quiesce', subscription: undefined, deadlineMs: 1_000 });
  expect(await verified(request)).toMatchObject({ verdict: 'PASS', comparison: { mode: 'quiesce' } });
  await pair.onSink('DELETE FROM orders WHERE id = 3');
  expect(await verified(request)).toMatchObject({
    verdict: 'FAIL',
    findings: [{ class: 'missing', count: 1 }],
  });
  await using writer = writeOrders(pair.sourceUrl);
  await expect.poll(writer.written, { timeout: 20_000 }).toBeGreaterThan(5);
  const report = await verified(request);
  expect(report.verdict).toBe('INCONCLUSIVE');
  expect(JSON.stringify(report.checks)).toMatch(/was written to between two reads/);
});

test('tables with other names and schemas are found by --map', async () => {
  await using pair = await databasePair();
  await pair.onSource(`CREATE SCHEMA sales; ${ORDERS.replace('orders', 'sales.orders')};
                       INSERT INTO sales.orders VALUES (1, 'new', 1, 1)`);
  await pair.onSink(`CREATE SCHEMA archive; ${ORDERS.replace('orders', 'archive.old')};
                     INSERT INTO archive.old VALUES (1, 'new', 1, 1)`);
  const request = watched(pair, { fence: 'none', subscription: undefined });
  expect(await verified({ ...request, map: ['sales.orders=archive.old'] })).toMatchObject({
    verdict: 'PASS',
  });
  expect(await verified(request)).toMatchObject({ verdict: 'FAIL' });
});

test('renamed columns, and rows that are only marked as deleted, are compared by their meaning', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ORDERS}; ${FILLED}; DELETE FROM orders WHERE id = 3`);
  await pair.onSink(`CREATE TABLE orders (id int PRIMARY KEY, status text, total numeric, version bigint, __deleted text);
    ${FILLED.replace('i * 1.10, 1', "i * 1.10, 1, 'false'")}; UPDATE orders SET __deleted = 'true' WHERE id = 3`);
  const request = watched(pair, { fence: 'none', subscription: undefined });
  expect(await verified(request)).toMatchObject({ verdict: 'FAIL' });
  const mapped = { ...request, map: ['public.orders.amount=total'], softDelete: '__deleted' };
  expect(await verified(mapped)).toMatchObject({ verdict: 'PASS', coverage: 1 });
  await pair.onSink(
    `UPDATE orders SET __deleted = 'true' WHERE id = 4; UPDATE orders SET total = 0 WHERE id = 5`,
  );
  const found = (await verified(mapped)).findings.map(({ class: name, first }) => [
    name,
    first?.key,
    first?.columns,
  ]);
  expect(found).toEqual([
    ['corrupted', { id: '5' }, ['amount']],
    ['missing', { id: '4' }, []],
  ]);
  const slip = openPair({ ...mapped, map: ['public.orders.amount=no_such'] });
  await expect(slip).rejects.toMatchObject({ code: 'CDC-4064', message: expect.stringMatching(/no_such/) });
});

test('the same database under two names is refused before anything is compared', async () => {
  await using pair = await databasePair();
  const other = Object.assign(new URL(pair.sourceUrl), { hostname: 'localhost', search: '?sslmode=disable' });
  const twice = { sourceUrl: pair.sourceUrl, sinkUrl: other.href };
  const request = requestFor(twice, { fence: 'none' });
  await expect(openPair(request)).rejects.toMatchObject({
    code: 'CDC-4064',
    message: expect.stringMatching(/same database/),
  });
});

test('a slot or subscription that does not exist is refused before anything is compared', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ORDERS);
  const nothing = { subscription: undefined, progressSlot: 'no_such_slot' };
  await expect(openPair(watched(pair, nothing))).rejects.toMatchObject({ code: 'CDC-4064' });
  await expect(openPair(watched(pair, { subscription: 'nobody' }))).rejects.toThrow(/no subscription nobody/);
});
