import { expect, test, vi } from 'vitest';
import { Database } from '../connection/postgres.ts';
import type { Report } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { following, howCompared, knowingService, serviceOf, wrongIn } from '../testing/following-service.ts';
import { readerRole } from '../testing/reader-role.ts';
import { BackgroundScan } from './background-scan.ts';
import { ChangedKeys } from './changed-keys.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, name text, version bigint);
  INSERT INTO items SELECT i, 'n' || i, 1 FROM generate_series(1, 1000) i`;

const wholeAt = ({ scans }: Report): string => scans?.tables[0]?.wholeAt ?? '';

test('after the first verification, only the keys that were written are compared, and the counts stay right', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using service = await knowingService(pair);
  await pair.onBoth(`INSERT INTO items VALUES (2001, 'x', 1), (2002, 'y', 1); DELETE FROM items WHERE id = 5;
    UPDATE items SET id = 3000 WHERE id = 6; UPDATE items SET version = 2 WHERE id = 7`);
  const report = await service.verify();
  expect(report.verdict).toBe('PASS');
  expect(report.tables[0]).toMatchObject({ sourceRows: 1001, sinkRows: 1001, checksumEqual: true });
  expect(report.scans?.tables[0]).toMatchObject({
    ...{ compared: 'changed keys', changedKeys: 6, changedKeysSince: 6, reason: null },
  });
  expect((await service.verify()).scans?.tables[0]).toMatchObject({ changedKeys: 0, changedKeysSince: 6 });
});

test('a row that is spoilt by hand is found at once, whichever transaction did it, until it is repaired', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using service = await knowingService(pair);
  await pair.onSink(`SET synchronous_commit = off; UPDATE items SET name = 'x' WHERE id = 7`);
  await pair.onSink('DELETE FROM items WHERE id = 8');
  const both = [
    ['missing', '8'],
    ['corrupted', '7'],
  ];
  for (let n = 0; n < 2; n++) expect(wrongIn(await service.verify()).toSorted()).toEqual(both.toSorted());
  await pair.onSink(`UPDATE items SET name = 'n7' WHERE id = 7`);
  expect(wrongIn(await service.verify())).toEqual([['missing', '8']]);
  await pair.onSource('DELETE FROM items WHERE id = 8');
  const report = await service.verify();
  expect([report.verdict, howCompared(report)]).toEqual(['PASS', ['changed keys']]);
});

test('what was wrong while the verifier was down is found by its first verification', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  {
    await using _ = await knowingService(pair);
  }
  await pair.onSink(`UPDATE items SET name = 'x' WHERE id = 7`);
  await using service = await serviceOf(pair);
  expect(wrongIn(await service.verify())).toEqual([['corrupted', '7']]);
});

for (const side of ['source', 'sink'] as const) {
  test(`if the slot on the ${side} is lost, everything is compared whole, and the report says why`, async () => {
    await using pair = await databasePair();
    await pair.onBoth(ITEMS);
    await using service = await knowingService(pair);
    const own = side === 'source' ? pair.source : pair.sink;
    const kill = `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
      WHERE slot_name LIKE 'cdc_lab_verifier_%' AND database = current_database()`;
    expect(await own.query(kill)).toHaveLength(1);
    await expect.poll(() => service.following?.state).toBe('blind');
    await pair.onSink(`UPDATE items SET name = 'x' WHERE id = 7`);
    await following(service);
    const report = await service.verify();
    expect([wrongIn(report), howCompared(report)]).toEqual([[['corrupted', '7']], ['whole']]);
    expect(report.scans?.tables[0]?.reason).toMatch(
      /^its changes were not followed for a while: the slot's stream/,
    );
    expect(howCompared(await service.verify())).toEqual(['changed keys']);
  });
}

/** Spoils row 7 of the sink, unnoticed by those who follow the WAL. */
async function spoilUnseen(pair: DatabasePair): Promise<Disposable> {
  const unseen = vi.spyOn(ChangedKeys.prototype, 'add').mockImplementation(() => undefined);
  await pair.onSink(`UPDATE items SET name = 'x' WHERE id = 7`);
  return unseen;
}

test('a row that was spoilt without a word in the WAL is not found between two scans', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  using _scan = vi.spyOn(BackgroundScan.prototype, 'run').mockReturnValue(new Promise(() => undefined));
  await using service = await knowingService(pair);
  using _add = await spoilUnseen(pair);
  const report = await service.verify();
  expect([report.verdict, howCompared(report)]).toEqual(['PASS', ['changed keys']]);
});

test('a row that was spoilt without a word in the WAL is found by the scan in the background', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using service = await knowingService(pair, { incremental: { scanEveryMs: 1_000, scanShare: 0.5 } });
  using _ = await spoilUnseen(pair);
  const look = async () => wrongIn(await service.verify());
  await expect.poll(look, { timeout: 30_000, interval: 100 }).toEqual([['corrupted', '7']]);
  // It stays known, although nobody writes it.
  expect(await look()).toEqual([['corrupted', '7']]);
});

test('the time since which every row was compared moves on with the scan in the background', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using service = await knowingService(pair, { incremental: { scanEveryMs: 1_000, scanShare: 1 } });
  const first = wholeAt(await service.verify());
  await expect.poll(async () => wholeAt(await service.verify()), { timeout: 30_000 }).not.toBe(first);
});

test('a table that is truncated, altered or written too much is compared whole', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using service = await knowingService(pair, { incremental: { mostChangedKeys: 100 } });
  await pair.onBoth('UPDATE items SET version = 2 WHERE id <= 200');
  await pair.onSink(`UPDATE items SET name = 'x' WHERE id = 7`);
  const many = await service.verify();
  expect([wrongIn(many), howCompared(many)]).toEqual([[['corrupted', '7']], ['whole']]);
  expect(many.scans?.tables[0]?.reason).toBe('more than 100 keys were written');
  expect(howCompared(await service.verify())).toEqual(['changed keys']);
  for (const sql of ['ALTER TABLE items ADD more int', 'TRUNCATE items']) {
    await pair.onBoth(sql);
    const altered = await service.verify();
    expect([altered.verdict === 'INCONCLUSIVE', howCompared(altered)]).toEqual([false, ['whole']]);
    expect(altered.scans?.tables[0]?.reason).toMatch(/was created, altered or rewritten/);
    await expect.poll(() => service.following?.state, { timeout: 30_000 }).toBe('following');
    await service.verify();
  }
});

test('a table that the streams cannot follow is compared whole each time, and the others are not', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`${ITEMS}; CREATE TABLE notes (text text); INSERT INTO notes VALUES ('a')`);
  await using service = await serviceOf(pair);
  await following(service);
  await service.verify();
  await pair.onSink(`INSERT INTO notes VALUES ('b'); UPDATE items SET name = 'x' WHERE id = 7`);
  const { scans, findings } = await service.verify();
  expect(scans?.tables.map(({ table, compared, reason }) => [table, compared, reason]).toSorted()).toEqual([
    ['public.items', 'changed keys', null],
    ['public.notes', 'whole', 'it has no primary key'],
  ]);
  expect(findings.map(({ table, class: name }) => [table, name]).toSorted()).toEqual([
    ['public.items', 'corrupted'],
    ['public.notes', 'extra'],
  ]);
});

test('keys of another type in the sink, and values in quotes, name the same rows on both sides', async () => {
  await using pair = await databasePair();
  const own = (type: string) => `CREATE TABLE items (id ${type}, name text, v int, PRIMARY KEY (id, name));
    INSERT INTO items SELECT i, E'it''s "' || i || '"', 1 FROM generate_series(1, 50) i`;
  await pair.onSource(own('int'));
  await pair.onSink(own('numeric(12,2)'));
  await using service = await knowingService(pair);
  await pair.onBoth('UPDATE items SET v = 2 WHERE id = 3');
  await pair.onSink('UPDATE items SET v = 3 WHERE id = 4');
  const report = await service.verify();
  expect([howCompared(report), wrongIn(report)]).toEqual([['changed keys'], [['corrupted', '4']]]);
});

test('without a slot on a side, every verification compares everything, and says why', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using reader = await readerRole(pair);
  const { sink, passwords } = reader.login;
  const url = Object.assign(new URL(sink ?? ''), { password: passwords?.sink ?? '' }).href;
  await using service = await serviceOf(pair, { sink: { url } });
  await expect.poll(() => service.following?.state, { timeout: 30_000 }).toBe('blind');
  expect(service.following?.reason).toMatch(/^the sink cannot be followed: permission denied/);
  for (let n = 0; n < 2; n++) {
    const { verdict, scans } = await service.verify();
    const [own] = scans?.tables ?? [];
    expect([verdict, own?.compared, own?.reason]).toEqual(['PASS', 'whole', service.following?.reason]);
  }
});

test('checks that read whole tables do so once in the scan period, and say when, unless a row is wrong', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 50);
    CREATE TABLE lines (id int PRIMARY KEY, of int); INSERT INTO lines SELECT i, i FROM generate_series(1, 50) i`);
  await pair.onSource('ALTER TABLE lines ADD FOREIGN KEY (of) REFERENCES orders');
  await using service = await serviceOf(pair);
  await following(service);
  const orphans = ({ checks }: Report) => checks.find(({ check }) => check === 'orphans')?.detail;
  const whole = '0 orphans among 1 foreign keys';
  expect(orphans(await service.verify())).toBe(whole);
  expect(orphans(await service.verify())).toMatch(
    /^0 orphans among 1 foreign keys \(whole tables read at [\d:]{8}\)$/,
  );
  await pair.onSink('DELETE FROM orders WHERE id = 7');
  expect(orphans(await service.verify())).toBe('1 orphans among 1 foreign keys');
  await pair.onSink('INSERT INTO orders VALUES (7)');
  expect(orphans(await service.verify())).toBe(whole);
  await service.verify(undefined, true);
  expect(orphans(await service.verify(undefined, true))).toBe(whole);
});

test('if more of the changed keys differ than may be settled one by one, the table is compared whole', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using service = await knowingService(pair, { thresholds: { maxSettledKeys: 10 } });
  await pair.onSink(`UPDATE items SET name = 'x' WHERE id <= 50`);
  const report = await service.verify();
  expect(report.tables[0]).toMatchObject({ corrupted: 50, verdict: 'FAIL' });
  const reason = 'more than 10 of the changed keys differ';
  expect(report.scans?.tables[0]).toMatchObject({ compared: 'whole', reason });
});

test('a verifier that is stopped does not wait for the rows to be counted', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const query = Database.prototype.query;
  let counts = 0;
  using _ = vi.spyOn(Database.prototype, 'query').mockImplementation(function (this: Database, sql, ...rest) {
    if (!sql.startsWith('SELECT count(*)::text AS rows')) return query.call(this, sql, ...rest);
    counts++;
    return query.call(this, 'SELECT pg_sleep(60)::text AS rows');
  });
  const service = await serviceOf(pair);
  await expect.poll(() => counts, { timeout: 30_000 }).toBe(1);
  const startedMs = performance.now();
  await service.stop();
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});
