import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import type { Databases } from '../observe/connections.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { optionsFor } from '../testing/exact-options.ts';
import type { Outcome } from './compare-in-parts.ts';
import { compareStill } from './compare-still.ts';
import { compareExactly, type ExactOptions } from './exact-window.ts';

const TABLE = { id: 'public.items', copy: 'public.items', shape: { columns: {}, softDelete: null } };

function databasesOf({ source, sink }: DatabasePair): Databases {
  return { source: async () => source, sink: async () => sink };
}

/** The table's wrong rows: class and key. */
function found(outcome: Outcome): string[] {
  const answer = outcome.tables.get(TABLE.id) ?? outcome.notExact.get(TABLE.id);
  if (answer === undefined || answer instanceof Error) throw answer;
  return answer.wrong.map((row) => `${row.class} ${row.keyText}`).sort();
}

/** Runs statements at the source, and a moment after their commit in the sink, as a pipeline would. */
async function carrying(
  pair: DatabasePair,
  statement: (n: number) => string,
): Promise<AsyncDisposable & Pick<ExactOptions, 'passFence'>> {
  const [ours, theirs] = [pair.sourceUrl, pair.sinkUrl].map(
    (connectionString) => new pg.Client({ connectionString }),
  );
  if (ours === undefined || theirs === undefined) throw new Error('no writers');
  await Promise.all([ours.connect(), theirs.connect()]);
  let [running, written, carried] = [true, 0, 0];
  const load = (async () => {
    for (; running; written++) {
      await ours.query(statement(written));
      await sleep(2);
      await theirs.query(statement(written));
      carried = written + 1;
    }
  })();
  load.catch(() => undefined);
  const passFence = async (): Promise<'passed'> => {
    for (const target = written + 1; carried < target; ) await Promise.race([sleep(2), load]);
    return 'passed';
  };
  const stop = async (): Promise<void> => {
    running = false;
    await load;
    await Promise.all([ours.end(), theirs.end()]);
  };
  return { passFence, [Symbol.asyncDispose]: stop };
}

const KEYS: [string, string, string, (n: string) => string][] = [
  ['int', 'id int PRIMARY KEY', 'i', (n) => n],
  ['uuid', 'id uuid PRIMARY KEY', 'md5(i::text)::uuid', (n) => `md5((${n})::text)::uuid`],
  ['text', 'id text PRIMARY KEY', `'Key, ' || i`, (n) => `'Key, ' || (${n})`],
];
test.each(KEYS)(
  'a table with a key of type %s is compared in parts while it is written to, each part between its own watermarks',
  async (_, column, key, keyOf) => {
    await using pair = await databasePair();
    await pair.onBoth(`CREATE TABLE items (${column}, n int, v text, version bigint);
      INSERT INTO items SELECT ${key}, i, 'v', 1 FROM generate_series(1, 2000) i; ANALYZE items`);
    await pair.onSink(`UPDATE items SET v = 'wrong' WHERE n IN (10, 700); DELETE FROM items WHERE n IN (400, 1990);
      UPDATE items SET v = CASE n WHEN 1000 THEN '1010' ELSE '1000' END WHERE n IN (1000, 1010);
      INSERT INTO items SELECT ${key}, i, 'hand', 1 FROM generate_series(5000, 5002) i`);
    // Keys that end in 0 stay as they are. The others are updated, deleted and inserted again, or moved to other parts.
    await using load = await carrying(pair, (n) => {
      const i = ((n * 37) % 1999) + 1;
      const own = i % 10 === 0 ? i + 1 : i;
      if (n % 3 === 0)
        return `UPDATE items SET v = 'w${n}', version = version + 1 WHERE id = ${keyOf(`${own}`)}`;
      if (n % 3 === 1) {
        const moved = `n * 10000 + ${n}`;
        return `UPDATE items SET id = ${keyOf(moved)}, n = ${moved} WHERE id = ${keyOf(`${own}`)}`;
      }
      return `DELETE FROM items WHERE id = ${keyOf(`${own}`)};
              INSERT INTO items VALUES (${keyOf(`${own}`)}, ${own}, 'again ${n}', 1) ON CONFLICT DO NOTHING`;
    });
    const few = { mostRowsPerPart: 450, partsPerSnapshot: 1, passFence: load.passFence };
    const outcome = await compareExactly([TABLE], optionsFor(pair, few), 3);
    const wrong = await pair.sink.query(
      `SELECT CASE WHEN n < 5000 THEN 'corrupted' ELSE 'extra' END || ' ' || jsonb_build_array(id::text)::text AS row
       FROM public.items WHERE n IN (10, 700, 1000, 1010, 5000, 5001, 5002)`,
    );
    const missing = await pair.source.query(
      `SELECT 'missing ' || jsonb_build_array(id::text)::text AS row FROM public.items WHERE n IN (400, 1990)`,
    );
    expect(found(outcome)).toEqual([...wrong, ...missing].map(({ row }) => `${row}`).sort());
    expect(outcome.parts).toBeGreaterThan(3);
    expect(outcome.windows).toBe(outcome.parts);
    expect(outcome.touchedKeys).toBeGreaterThan(0);
    expect(outcome.longestSnapshotMs).toBeLessThan(outcome.window?.durationMs ?? 0);
  },
);

const ITEMS = `CREATE TABLE items (a int, b text, v text, PRIMARY KEY (a, b));
  INSERT INTO items SELECT i / 100, 'b' || i % 100, 'v' FROM generate_series(1, 1000) i; ANALYZE items`;

test('a table that takes longer than a snapshot may live is split into parts, and the planted errors are found', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink(`UPDATE items SET v = 'x' WHERE (a, b) IN ((1, 'b1'), (9, 'b99'));
    DELETE FROM items WHERE (a, b) = (5, 'b0')`);
  // The first attempt waits for a lock until its time is over; the lock is released before the second.
  await pair.onSink('BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE');
  let fences = 0;
  const passFence = async (): Promise<'passed'> => {
    if (fences++ === 1) await pair.onSink('COMMIT');
    return 'passed';
  };
  const outcome = await compareExactly([TABLE], optionsFor(pair, { snapshotBoundMs: 4_000, passFence }), 3);
  expect(found(outcome)).toEqual(['corrupted ["1", "b1"]', 'corrupted ["9", "b99"]', 'missing ["5", "b0"]']);
  expect(outcome).toMatchObject({ windows: 2 });
  expect(outcome.parts).toBeGreaterThan(1);
});

test('if even the smallest part takes too long, the reason is given, and the lock is not waited for', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink('BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE');
  const outcome = await compareExactly([TABLE], optionsFor(pair, { snapshotBoundMs: 2_000 }), 3);
  await pair.onSink('ROLLBACK');
  expect(outcome.tables.size).toBe(0);
  expect(outcome.notExact.get(TABLE.id)?.message).toMatch(/2 s that a snapshot may live/);
});

test('a table without primary key cannot be split into parts, and the reason says so', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (a int, v text); INSERT INTO items VALUES (1, NULL)');
  await pair.onSink('BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE');
  const outcome = await compareExactly([TABLE], optionsFor(pair, { snapshotBoundMs: 2_000 }), 3);
  await pair.onSink('ROLLBACK');
  expect(outcome.notExact.get(TABLE.id)?.message).toMatch(/snapshot may live/);
});

test('tables that nobody writes to are compared in parts too: duplicates, NULL keys, and more rows than the source has', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink(`ALTER TABLE items DROP CONSTRAINT items_pkey; ALTER TABLE items ALTER a DROP NOT NULL;
    INSERT INTO items VALUES (NULL, 'b1', 'no key'); INSERT INTO items SELECT * FROM items WHERE (a, b) = (3, 'b7');
    INSERT INTO items SELECT 4, 'x' || i, 'hand' FROM generate_series(1, 900) i`);
  const options = {
    ...optionsFor(pair),
    mostRowsPerPart: 200,
    quietMs: 1,
    deadlineAtMs: performance.now() + 30_000,
  };
  const { answers, parts } = await compareStill([TABLE], databasesOf(pair), options);
  const answer = answers.get(TABLE.id);
  if (answer === undefined || answer instanceof Error) throw answer;
  expect(answer.counts).toEqual({ missing: 0, extra: 901, stale: 0, corrupted: 0, duplicate: 1 });
  // There are two reads, and the larger side determines the parts: the source's 1,000 rows alone would make ten.
  expect(parts).toBeGreaterThan(14);
  await pair.onSink('DELETE FROM items WHERE a IS NULL');
  const again = await compareStill([TABLE], databasesOf(pair), { ...options, quietMs: 0 });
  expect(again.answers.get(TABLE.id)).toMatchObject({ counts: { extra: 900, duplicate: 1 } });
});

/** How many of the verifier's connections to a database wait for a lock. */
async function waiting(connectionString: string): Promise<number> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const sql = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
               AND application_name LIKE 'cdc-lab verifier%' AND wait_event_type = 'Lock'`;
  const { rows } = await client.query(sql).finally(() => client.end());
  return rows.length;
}

test('if one side breaks, the other is not waited for', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const locked = 'BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE';
  const options = { ...optionsFor(pair), quietMs: 0, deadlineAtMs: performance.now() + 30_000 };
  const { pid } = await pair.source.one('SELECT pg_backend_pid()::text AS pid');
  await pair.onBoth(locked);
  const compared = compareStill([TABLE], databasesOf(pair), options);
  await expect.poll(() => Promise.all([waiting(pair.sourceUrl), waiting(pair.sinkUrl)])).toEqual([1, 1]);
  await pair.onSource(`SELECT pg_terminate_backend(${pid})`);
  expect((await compared).answers.get(TABLE.id)).toBeInstanceOf(Error);
  expect(pair.sink.isOpen).toBe(false);
  await pair.onBoth('ROLLBACK');
});
