import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { VerifierService } from './service.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, name text, version bigint);
  INSERT INTO items SELECT i, 'n' || i, 1 FROM generate_series(1, 100) i`;

async function serviceOf(pair: DatabasePair, stateDir: string, own: Partial<VerifierConfigInput> = {}) {
  const raw = {
    ...{ port: 0, stateDir, kafka: null, deadlineMs: 20_000 },
    ...{ source: { url: pair.sourceUrl, slot: null }, sink: { url: pair.sinkUrl } },
    ...own,
  };
  const service = new VerifierService(parseConfig(raw, 'test'), await loadChecks());
  return Object.assign(service, { [Symbol.asyncDispose]: () => service.stop() });
}
const watching = (service: VerifierService) =>
  expect.poll(() => service.watch?.state, { timeout: 30_000 }).toBe('watching');
/** Starts a service, and waits until it sees every change. */
async function watchingService(pair: DatabasePair, own: Partial<VerifierConfigInput> = {}) {
  const service = await serviceOf(pair, makeTestFolder(), { adaptive: { touchedEveryMs: 100 }, ...own });
  service.start();
  await watching(service);
  return service;
}
const lives = (service: VerifierService) =>
  service.findings.list().map(({ check, state, rounds, first }) => [check, state, rounds, first?.key.id]);

test('a row that is corrupted, and repaired after one comparison, stays in the history across restarts', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const dir = makeTestFolder();
  {
    await using service = await serviceOf(pair, dir);
    await pair.onSink(`UPDATE items SET name = 'x' WHERE id = 7`);
    expect((await service.verify()).verdict).toBe('FAIL');
    expect(lives(service)).toEqual([['corrupted-rows', 'open', 1, '7']]);
    await pair.onSink(`UPDATE items SET name = 'n7' WHERE id = 7`);
  }
  {
    await using service = await serviceOf(pair, dir);
    expect((await service.verify()).verdict).toBe('PASS');
  }
  await using service = await serviceOf(pair, dir);
  expect(lives(service)).toEqual([['corrupted-rows', 'healed', 1, '7']]);
  expect(service.history.list().map(({ verdict }) => verdict)).toEqual(['FAIL', 'PASS']);
  // It comes back: this is another finding, which the second verification confirms.
  await pair.onSink(`UPDATE items SET name = 'x' WHERE id = 8`);
  await service.verify();
  await service.verify();
  expect(lives(service)).toEqual([
    ['corrupted-rows', 'confirmed', 2, '8'],
    ['corrupted-rows', 'healed', 1, '7'],
  ]);
});

test('a row that was corrupted for one comparison is in the history, even while another row stays wrong', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using service = await serviceOf(pair, makeTestFolder());
  await pair.onSink(`UPDATE items SET name = 'x' WHERE id = 3`);
  await service.verify();
  await pair.onSink(`UPDATE items SET name = 'x' WHERE id = 7`);
  await service.verify();
  await pair.onSink(`UPDATE items SET name = 'n7' WHERE id = 7`);
  await service.verify();
  const [found, ...others] = service.findings.list();
  expect(others).toEqual([]);
  const [first, second, third] = service.history.list().map(({ at }) => at);
  expect(found).toMatchObject({ state: 'confirmed', count: 1, maxCount: 2 });
  expect(found?.examples).toEqual([
    { key: { id: '3' }, columns: ['name'], firstSeenAt: first, lastSeenAt: third, healedAt: null },
    { key: { id: '7' }, columns: ['name'], firstSeenAt: second, lastSeenAt: second, healedAt: third },
  ]);
});

test('a changed key is judged at once, long before the next full verification, which then confirms it', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const adaptive = { touchedEveryMs: 100, share: 0.5 };
  await using service = await watchingService(pair, { everyMs: 3_600_000, adaptive });
  // The sink has the row before the source does: nothing is wrong.
  await pair.onSink(`INSERT INTO items VALUES (200, 'new', 1)`);
  await pair.onSource(`INSERT INTO items VALUES (200, 'new', 1)`);
  await expect.poll(() => service.watch?.keys, { timeout: 30_000 }).toBe(1);
  expect([lives(service), service.history.list()]).toEqual([[], []]);
  // A row that nobody writes to is not judged at once: it is left to the full verification.
  await pair.onSink(`UPDATE items SET name = 'x' WHERE id = 1`);
  await pair.onSource(`UPDATE items SET name = 'lost', version = 2 WHERE id = 7`);
  await expect.poll(() => lives(service).length, { timeout: 30_000 }).toBeGreaterThan(0);
  expect(lives(service)[0]).toMatchObject(['stale-rows', expect.any(String), expect.any(Number), '7']);
  // The watch requests a full verification, which sees both.
  await expect.poll(() => service.history.last?.verdict, { timeout: 30_000 }).toBe('FAIL');
  expect(
    lives(service)
      .map(([check, state]) => [check, state])
      .sort(),
  ).toEqual([
    ['corrupted-rows', 'open'],
    ['stale-rows', 'confirmed'],
  ]);
});

test('if the watch breaks, a full verification makes up for unseen changes; its slot does not outlive the watch', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const slots = async () => {
    const sql = `SELECT pg_terminate_backend(active_pid), slot_name FROM pg_replication_slots
                 WHERE database = current_database() AND slot_name LIKE 'cdc_lab_verifier_%'`;
    return (await pair.source.query(sql)).length;
  };
  {
    await using service = await serviceOf(pair, makeTestFolder(), { adaptive: { touchedEveryMs: 100 } });
    service.start();
    await expect.poll(() => service.watch?.state, { timeout: 30_000 }).toBe('watching');
    await expect.poll(slots, { timeout: 30_000 }).toBe(1);
    await expect.poll(() => service.history.last?.verdict, { timeout: 30_000 }).toBe('PASS');
    await expect.poll(() => service.watch?.state, { timeout: 30_000 }).toBe('watching');
  }
  await expect.poll(slots, { timeout: 30_000 }).toBe(0);
});

const wrongIn = (service: VerifierService, table: string) =>
  service.findings
    .list()
    .flatMap((one) =>
      one.table === table && one.state !== 'healed' ? [`${one.check} ${one.first?.key.id ?? null}`] : [],
    );

test('a TRUNCATE, or a new table, restarts the watch', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using service = await watchingService(pair);
  await pair.onSink('TRUNCATE items');
  await pair.onSource('TRUNCATE items');
  await expect.poll(() => service.history.last?.verdict, { timeout: 30_000 }).toBe('PASS');
  await watching(service);
  await pair.onSource(`INSERT INTO items VALUES (1, 'lost', 1)`);
  await expect.poll(() => lives(service)[0]?.[0], { timeout: 30_000 }).toBe('missing-rows');
  await pair.onSource('CREATE TABLE later (id int PRIMARY KEY, name text); INSERT INTO later VALUES (1)');
  // Its row is missing, and so is its copy.
  await expect
    .poll(() => wrongIn(service, 'public.later').toSorted(), { timeout: 30_000 })
    .toEqual(['missing-rows 1', 'schema-compatibility null']);
  await watching(service);
  // The copy is created after the watch has looked for it: rows that are right in it are not reported as missing.
  await pair.onSink('CREATE TABLE later (id int PRIMARY KEY, name text); INSERT INTO later VALUES (1)');
  await service.verify();
  await pair.onSink('INSERT INTO later VALUES (2)');
  const { keys = 0 } = service.watch ?? {};
  await pair.onSource('INSERT INTO later VALUES (2)');
  await expect.poll(() => service.watch?.keys, { timeout: 30_000 }).toBe(keys + 1);
  expect(wrongIn(service, 'public.later')).toEqual([]);
  await pair.onSource('INSERT INTO later VALUES (3)');
  await expect.poll(() => wrongIn(service, 'public.later'), { timeout: 30_000 }).toEqual(['missing-rows 3']);
});

test('a new column restarts the watch, and is compared', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using service = await watchingService(pair);
  await pair.onBoth('ALTER TABLE items ADD COLUMN extra text');
  await pair.onSource(`UPDATE items SET extra = 'lost' WHERE id = 7`);
  await expect
    .poll(() => wrongIn(service, 'public.items'), { timeout: 30_000 })
    .toEqual(['corrupted-rows 7']);
});

test('tables that are not verified, generated columns, and tables without a key do not restart the watch', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`${ITEMS}; CREATE TABLE left_out (id int PRIMARY KEY); CREATE TABLE keyless (id int);
    CREATE TABLE sums (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)`);
  await using service = await watchingService(pair, { excludeTables: ['public.left_out'] });
  const write = `INSERT INTO left_out VALUES (1); TRUNCATE left_out; INSERT INTO keyless VALUES (1);
    INSERT INTO sums VALUES (1)`;
  await pair.onBoth(write);
  await expect.poll(() => service.watch?.keys, { timeout: 30_000 }).toBe(1);
  await pair.onBoth(`INSERT INTO items VALUES (200, 'new', 1)`);
  await expect.poll(() => service.watch?.keys, { timeout: 30_000 }).toBe(2);
  expect(service.watch).toMatchObject({ state: 'watching', reason: null });
  expect(service.history.list()).toEqual([]);
  // Shortly before, the tables were read without need; other keys are judged before they are read again.
  await pair.onSource('CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)');
  await pair.onBoth(`INSERT INTO items VALUES (201, 'new', 1)`);
  await expect
    .poll(() => wrongIn(service, 'public.later').toSorted(), { timeout: 30_000 })
    .toEqual(['missing-rows 1', 'schema-compatibility null']);
});

/** A sink connector's REST API whose state can be set. */
async function sinkConnector(state: string) {
  const now = { state };
  const server = createServer((_, response) => {
    const connector = { state: now.state, worker_id: 'w' };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name: 'sink', connector, tasks: [{ id: 0, ...connector }], type: 'sink' }));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const connectors = [{ name: 'sink', url, type: 'sink' as const }];
  return Object.assign(now, { connectors, [Symbol.asyncDispose]: async () => void server.close() });
}

test('keys whose fence is not passed are judged again, as many as fit; the others are counted', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const slot = new URL(pair.sourceUrl).pathname.slice(1);
  await pair.onSource(`SELECT pg_create_logical_replication_slot('${slot}', 'test_decoding')`);
  // A failed connector ends the wait for the fence at once.
  await using connector = await sinkConnector('FAILED');
  await using service = await serviceOf(pair, makeTestFolder(), {
    ...{ adaptive: { touchedEveryMs: 100, keysPerRound: 2 }, connectors: connector.connectors },
    source: { url: pair.sourceUrl, slot },
  });
  service.start();
  await watching(service);
  await pair.onSource(`INSERT INTO items VALUES (200, 'lost', 1), (201, 'lost', 1), (202, 'lost', 1)`);
  await expect.poll(() => service.watch?.rounds, { timeout: 30_000 }).toBeGreaterThan(1);
  expect(service.watch).toMatchObject({ state: 'watching', keys: 0, keysLeft: 1 });
  expect(service.findings.list()).toEqual([]);
  connector.state = 'RUNNING';
  const judged = async () => {
    await pair.onSource(`SELECT pg_replication_slot_advance('${slot}', pg_current_wal_lsn())`);
    return service.watch?.keys;
  };
  await expect.poll(judged, { timeout: 30_000 }).toBe(2);
  expect(wrongIn(service, 'public.items')).toEqual(['missing-rows 200']);
  expect(service.watch?.keysLeft).toBe(1);
});

test('the slot of the watch holds back no WAL: it advances with the writes', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await using _service = await watchingService(pair);
  await pair.onBoth(`INSERT INTO items VALUES (900, 'a', 1)`);
  const { lsn } = await pair.source.one('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  const follows = async () => {
    const sql = `SELECT (confirmed_flush_lsn >= $1::pg_lsn)::text AS follows FROM pg_replication_slots
                 WHERE database = current_database() AND temporary`;
    return (await pair.source.query(sql, [lsn])).map((row) => row.follows);
  };
  await expect.poll(follows, { timeout: 30_000 }).toEqual(['true']);
});
