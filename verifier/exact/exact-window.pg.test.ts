import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import pg from 'pg';
import { expect, test } from 'vitest';
import { ALL_KEYS } from '../compare/ranges.ts';
import type { TableComparison } from '../compare/table-comparison.ts';
import { estimatedRows } from '../compare/table-pair.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { optionsFor } from '../testing/exact-options.ts';
import { type ExactOptions, ExactWindow } from './exact-window.ts';
import { type Copy, NotExact } from './snapshot-pair.ts';

const ITEMS = `
  CREATE TABLE items (id int PRIMARY KEY, name text, amount numeric, version bigint);
  INSERT INTO items SELECT i, 'name ' || i, i * 1.10, 1 FROM generate_series(1, 2000) i`;

async function compare(
  pair: DatabasePair,
  own: Partial<ExactOptions> = {},
  id = 'public.items',
): Promise<{ window: ExactWindow; answer: TableComparison | Error }> {
  const table = { id, copy: id, shape: { columns: {}, softDelete: null } };
  await using window = await ExactWindow.open([table], optionsFor(pair, own));
  const answer = await compareWhole(window, table).catch((error: unknown) => error as Error);
  return { window, answer: (await window.end([table])).get(table.id) ?? answer };
}

async function compareWhole(window: ExactWindow, table: Copy): Promise<TableComparison> {
  const pair = window.pair(table);
  return await window.compare(pair, { range: ALL_KEYS, rows: estimatedRows(pair) });
}

function found(answer: TableComparison | Error): Record<string, number> {
  if (answer instanceof Error) throw answer;
  return Object.fromEntries(Object.entries(answer.counts).filter(([, count]) => count > 0));
}

/** Writes to the source while the window is open. By the time the sink is read, `copied` has arrived there. */
function meanwhile(pair: DatabasePair, written: string, copied = written): Partial<ExactOptions> {
  return {
    passFence: async () => {
      await pair.onSource(written);
      if (copied !== '') await pair.onSink(copied);
      return 'passed';
    },
  };
}

test('without writes, every difference is found, classified and named', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; UPDATE items SET name = 'new', version = 2 WHERE id = 9`);
  await pair.onSink(`${ITEMS}; DELETE FROM items WHERE id IN (5, 6); INSERT INTO items VALUES (9001, 'x', 0, 1);
    UPDATE items SET amount = amount + 1 WHERE id = 11`);
  const { answer, window } = await compare(pair);
  expect(found(answer)).toEqual({ missing: 2, extra: 1, stale: 1, corrupted: 1 });
  expect(window.touchedKeys).toBe(0);
});

test('writes to a table whose names have dots are not taken for those of its namesake', async () => {
  await using pair = await databasePair();
  const named = (table: string) =>
    `CREATE TABLE ${table} (id int PRIMARY KEY); INSERT INTO ${table} VALUES (1), (2);`;
  await pair.onBoth(
    `CREATE SCHEMA "a.b"; CREATE SCHEMA a; ${named('"a.b"."select"')} ${named('a."b.select"')}`,
  );
  const writes = 'DELETE FROM "a.b"."select" WHERE id = 1; INSERT INTO a."b.select" VALUES (3)';
  const own = meanwhile(pair, writes, 'DELETE FROM "a.b"."select" WHERE id IN (1, 2)');
  const { answer, window } = await compare(pair, own, '"a.b".select');
  expect(found(answer)).toEqual({ missing: 1 });
  expect(window.touchedKeys).toBe(1);
});

const WRITES = `
  INSERT INTO items VALUES (3001, 'in', 1, 1); UPDATE items SET name = 'up', version = 2 WHERE id = 2;
  DELETE FROM items WHERE id = 3; UPDATE items SET id = 4004 WHERE id = 4`;

test('writes that have reached the sink, or have not yet, are no differences', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const all = await compare(pair, meanwhile(pair, WRITES));
  expect(found(all.answer)).toEqual({});
  expect(all.window.touchedKeys).toBe(5);
  const late = WRITES.replaceAll('3001', '3002').replace('id = 2', 'id = 12').replace('= 3', '= 13');
  const none = await compare(
    pair,
    meanwhile(pair, late.replace('4004 WHERE id = 4', '4014 WHERE id = 14'), ''),
  );
  expect(found(none.answer)).toEqual({});
  expect(none.window.touchedKeys).toBe(5);
});

test('a key may show any version that it had meanwhile, and no other', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const two = `UPDATE items SET name = 'a', version = 2 WHERE id = 2; UPDATE items SET name = 'b', version = 3 WHERE id = 2`;
  const first = await compare(pair, meanwhile(pair, two, two.split(';')[0]));
  expect(found(first.answer)).toEqual({});
  const wrong = `UPDATE items SET name = 'c', version = 3 WHERE id = 2`;
  const { answer } = await compare(pair, meanwhile(pair, two, wrong));
  expect(found(answer)).toEqual({ corrupted: 1 });
  expect(answer).toMatchObject({ wrong: [{ keyText: '["2"]', class: 'corrupted', columns: ['name'] }] });
});

test('a hot key that went back to a version before the fence is stale, and one that is gone is missing', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`${ITEMS}; UPDATE items SET version = 5`);
  const hot = `UPDATE items SET version = 6 WHERE id IN (2, 3)`;
  const { answer } = await compare(
    pair,
    meanwhile(pair, hot, 'UPDATE items SET version = 4 WHERE id = 2; DELETE FROM items WHERE id = 3'),
  );
  expect(found(answer)).toEqual({ stale: 1, missing: 1 });
});

test('wrong rows are found beside touched ones, even in the same bucket', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink(`UPDATE items SET name = 'hand' WHERE id = 1999; DELETE FROM items WHERE id = 1500`);
  const { answer } = await compare(
    pair,
    meanwhile(
      pair,
      'UPDATE items SET version = 2 WHERE id < 1000',
      'UPDATE items SET version = 2 WHERE id < 500',
    ),
  );
  expect(found(answer)).toEqual({ corrupted: 1, missing: 1 });
});

test('a touched row that is in the sink twice is a duplicate', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink('ALTER TABLE items DROP CONSTRAINT items_pkey');
  const update = 'UPDATE items SET version = 2 WHERE id = 2';
  const { answer } = await compare(
    pair,
    meanwhile(pair, update, `${update}; INSERT INTO items SELECT * FROM items WHERE id = 2`),
  );
  expect(found(answer)).toEqual({ duplicate: 1 });
});

test('wrong keys beyond the listing limit are still counted', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const update = `UPDATE items SET name = 'a', version = 2 WHERE id <= 60`;
  const wrong = `UPDATE items SET name = 'c' WHERE id <= 40; DELETE FROM items WHERE id BETWEEN 41 AND 50;
                 UPDATE items SET name = 'd' WHERE id > 1950`;
  const { answer } = await compare(pair, { ...meanwhile(pair, update, wrong), maxSettledKeys: 5 });
  expect(found(answer)).toEqual({ corrupted: 90, missing: 10 });
  expect(answer).toMatchObject({ wrong: { length: 10 } });
});

test('an unchanged TOAST value is part of the version', async () => {
  await using pair = await databasePair();
  const long = `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i)`;
  await pair.onBoth(`CREATE TABLE items (id int PRIMARY KEY, name text, body text, version bigint);
    INSERT INTO items VALUES (1, 'a', ${long}, 1), (2, 'a', ${long}, 1)`);
  const write = `UPDATE items SET version = 2 WHERE id = 1; UPDATE items SET id = 3 WHERE id = 2;
                 UPDATE items SET name = 'b' WHERE id = 3`;
  expect(found((await compare(pair, meanwhile(pair, write))).answer)).toEqual({});
  const lost = `UPDATE items SET version = 3, body = 'lost' WHERE id = 1`;
  const { answer } = await compare(pair, meanwhile(pair, 'UPDATE items SET version = 3 WHERE id = 1', lost));
  expect(answer).toMatchObject({ counts: { corrupted: 1 }, wrong: [{ columns: ['body'] }] });
});

const KEYS: [string, string, string][] = [
  ['composite', 'a text, b int, PRIMARY KEY (b, a)', `'x,"y' || i, i`],
  ['uuid', 'a uuid PRIMARY KEY, b int', `md5(i::text)::uuid, i`],
  ['char(n)', 'a char(8) PRIMARY KEY, b int', `'k' || i, i`],
  ['text', 'a text PRIMARY KEY, b int', `'it''s "' || i, i`],
  ['numeric', 'a numeric PRIMARY KEY, b int', `i * 1.10, i`],
  ['timestamp', 'a timestamptz PRIMARY KEY, b int', `'2026-01-01Z'::timestamptz + i * interval '1 ms', i`],
];
test.each(KEYS)('keys of type %s are found in both databases', async (_, columns, values) => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE items (${columns}, v text, f float8, o boolean, j jsonb, y bytea);
    INSERT INTO items SELECT ${values}, 'v', 0.1 + i, i % 2 = 0, '{"a": [1.0]}', '\\x00ff' FROM generate_series(1, 200) i`);
  const write = `UPDATE items SET v = 'w', o = NOT o WHERE b <= 20; DELETE FROM items WHERE b = 30`;
  const { answer, window } = await compare(pair, meanwhile(pair, write, write.replace('20', '10')));
  expect(found(answer)).toEqual({});
  expect(window.touchedKeys).toBe(21);
  await pair.onSink(`UPDATE items SET v = 'w', o = NOT o WHERE b BETWEEN 11 AND 20`);
  const hot = await compare(
    pair,
    meanwhile(pair, `UPDATE items SET v = 'z' WHERE b = 5`, `UPDATE items SET v = 'q' WHERE b = 5`),
  );
  expect(found(hot.answer)).toEqual({ corrupted: 1 });
});

test('a partitioned table is compared through its root, and a row that moves between partitions is a single row', async () => {
  await using pair = await databasePair();
  await pair.onSource(`CREATE TABLE items (id int, part int, v text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
    CREATE TABLE items_1 PARTITION OF items FOR VALUES IN (1); CREATE TABLE items_2 PARTITION OF items FOR VALUES IN (2)`);
  await pair.onSink('CREATE TABLE items (id int, part int, v text, PRIMARY KEY (id, part))');
  await pair.onBoth(`INSERT INTO items SELECT i, i % 2 + 1, 'v' FROM generate_series(1, 100) i`);
  const write = `UPDATE items SET part = 3 - part WHERE id <= 10; UPDATE items SET v = 'w' WHERE id <= 20`;
  const { answer, window } = await compare(pair, meanwhile(pair, write, ''));
  expect(found(answer)).toEqual({});
  expect(window.touchedKeys).toBe(30);
});

test('a column that the key index only includes is not part of the key', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE items (id int, name text, version bigint, PRIMARY KEY (id) INCLUDE (name));
    INSERT INTO items SELECT i, 'name ' || i, 1 FROM generate_series(1, 100) i`);
  const write = `UPDATE items SET name = 'new', version = 2 WHERE id = 7`;
  const { answer, window } = await compare(pair, meanwhile(pair, write, ''));
  expect(found(answer)).toEqual({});
  expect(window.touchedKeys).toBe(1);
  await pair.onSink(`UPDATE items SET name = 'other' WHERE id = 9; ${write}`);
  expect(found((await compare(pair)).answer)).toEqual({ corrupted: 1 });
});

test('a table is compared without the tables that inherit from it, as it is published', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSource(`CREATE TABLE heirs () INHERITS (items); ALTER TABLE heirs ADD PRIMARY KEY (id);
    INSERT INTO heirs VALUES (7001, 'heir', 1, 1)`);
  await pair.onSink('CREATE TABLE heirs (LIKE items INCLUDING ALL)');
  const write = `UPDATE heirs SET name = 'new', version = 2; UPDATE items SET name = 'new', version = 2 WHERE id = 7`;
  expect(found((await compare(pair, meanwhile(pair, write, ''))).answer)).toEqual({});
  await pair.onSink('UPDATE items SET name = NULL WHERE id = 8');
  expect(found((await compare(pair)).answer)).toEqual({ stale: 1, corrupted: 1 });
});

const DISTURBANCES: [string, string, RegExp][] = [
  ['a TRUNCATE', 'TRUNCATE items', /truncated|rewritten/],
  ['a rewriting ALTER', 'ALTER TABLE items ALTER COLUMN id TYPE bigint', /altered/],
  ['a new column', 'ALTER TABLE items ADD COLUMN extra int', /altered/],
  ['a table that was dropped and recreated', `DROP TABLE items; ${ITEMS}`, /altered/],
];
test.each(DISTURBANCES)('%s in the window is not judged', async (_, statement, reason) => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const { answer } = await compare(pair, meanwhile(pair, statement));
  expect(answer).toBeInstanceOf(NotExact);
  expect(answer).toMatchObject({ message: expect.stringMatching(reason) });
});

test('a table without primary key is compared while nobody writes to it, otherwise it is not judged', async () => {
  await using pair = await databasePair();
  await pair.onBoth(
    'CREATE TABLE items (a int, b text); INSERT INTO items VALUES (1, NULL), (1, NULL), (2, $$x$$)',
  );
  expect(found((await compare(pair)).answer)).toEqual({});
  const { answer } = await compare(pair, meanwhile(pair, 'INSERT INTO items VALUES (3, NULL)'));
  expect(answer).toMatchObject({ name: 'NotExact', message: expect.stringMatching(/no primary key/) });
});

test('an open transaction delays the slot for a bounded time, and no slot or walsender is left behind', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSource('BEGIN; UPDATE items SET version = 2 WHERE id = 1');
  await expect(compare(pair, { slotCreationMs: 500 })).rejects.toMatchObject({ name: 'NotExact' });
  await pair.onSource('COMMIT');
  await expect.poll(() => leftovers(pair)).toBe('0');
  await compare(pair);
  await expect.poll(() => leftovers(pair)).toBe('0');
});

test('more writes than memory may hold are reported, and are never a PASS', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const write = meanwhile(pair, 'UPDATE items SET version = 2');
  const limits = { keys: 100, bytes: 50_000_000 };
  await expect(compare(pair, { ...write, limits })).rejects.toThrow(/more than the verifier may hold/);
});

test('a walsender that hangs is not mistaken for an idle one', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  let pid = 0;
  const stop = async (): Promise<'passed'> => {
    await pair.onSource('UPDATE items SET version = 2 WHERE id = 1');
    const sql = `SELECT active_pid::text AS pid FROM pg_replication_slots
                 WHERE slot_name LIKE 'cdc_lab_verifier_%' AND database = current_database()`;
    pid = Number((await pair.source.one(sql)).pid);
    process.kill(pid, 'SIGSTOP');
    return 'passed';
  };
  try {
    const answer = compare(pair, { passFence: stop, drainMs: 1_000 });
    await expect(answer).rejects.toThrow(/did not reach its target/);
  } finally {
    if (pid > 0) process.kill(pid, 'SIGCONT');
  }
});

test('a walsender that ended is not mistaken for an idle one', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const kill = async (): Promise<'passed'> => {
    await pair.source.query(
      `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
       WHERE slot_name LIKE 'cdc_lab_verifier_%' AND database = current_database()`,
    );
    await sleep(100);
    return 'passed';
  };
  await expect(compare(pair, { passFence: kill })).rejects.toMatchObject({ name: 'NotExact' });
});

const BACKENDS: [string, 'source' | 'sink', string][] = [
  ["the source's snapshot", 'source', 'verifier (source)'],
  ["the sink's snapshot", 'sink', 'verifier (sink)'],
  ['the slot', 'source', 'verifier (slot)'],
];
test.each(BACKENDS)(
  'a broken connection to %s never yields an answer, and leaves nothing behind',
  async (_, side, name) => {
    await using pair = await databasePair();
    await pair.onBoth(ITEMS);
    const kill = async (): Promise<'passed'> => {
      await pair[side].query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'cdc-lab ${name}' AND datname = current_database() AND pid <> pg_backend_pid()`,
      );
      return 'passed';
    };
    await expect(compare(pair, { passFence: kill })).rejects.toThrow(Error);
    await expect.poll(() => leftovers(pair)).toBe('0');
  },
);

test('a verifier that is killed leaves no slot behind', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const script = `
    const { ExactWindow } = await import(${JSON.stringify(new URL('exact-window.ts', import.meta.url).href)});
    await ExactWindow.open([{ id: 'public.items', copy: 'public.items', shape: { columns: {}, softDelete: null } }],
      { ...JSON.parse(process.env.OPTIONS), signal: AbortSignal.timeout(60000), passFence: () => new Promise(() => {}) });`;
  const { sourceUrl, sinkUrl, statementTimeoutMs, limits, slotCreationMs, snapshotBoundMs } =
    optionsFor(pair);
  const options = JSON.stringify({
    ...{ sourceUrl, sinkUrl, statementTimeoutMs, limits, slotCreationMs, snapshotBoundMs },
  });
  const args = ['--input-type=module', '--eval', script];
  const child = execa(process.execPath, args, { env: { OPTIONS: options }, reject: false });
  await expect.poll(() => leftovers(pair), { timeout: 20_000 }).toBe('1');
  child.kill('SIGKILL');
  expect((await child).signal).toBe('SIGKILL');
  await expect.poll(() => leftovers(pair), { timeout: 10_000 }).toBe('0');
});

test('under a running load no key in flight is reported as wrong', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  const [ours, theirs] = [pair.sourceUrl, pair.sinkUrl].map(
    (connectionString) => new pg.Client({ connectionString }),
  );
  if (ours === undefined || theirs === undefined) throw new Error('no writers');
  await Promise.all([ours.connect(), theirs.connect()]);
  let running = true;
  let fenced = 0;
  let written = 0;
  // A miniature pipeline: each statement runs in the sink a moment after its commit at the source, in order.
  const load = (async () => {
    for (; running; written++) {
      const id = (written * 7) % 2000;
      const sql =
        written % 5 === 0
          ? `DELETE FROM items WHERE id = ${id}`
          : `INSERT INTO items VALUES (${id}, 'w${written}', 1, 1) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, version = items.version + 1`;
      await ours.query(sql);
      await sleep(1);
      await theirs.query(sql);
      fenced = written + 1;
    }
  })();
  const passFence = async (): Promise<'passed'> => {
    const target = written + 1;
    while (fenced < target) await sleep(2);
    return 'passed';
  };
  try {
    for (let round = 0; round < 5; round++)
      expect(found((await compare(pair, { passFence })).answer)).toEqual({});
    await pair.onSink(`INSERT INTO items VALUES (90001, 'hand', 1, 1)`);
    expect(found((await compare(pair, { passFence })).answer)).toEqual({ extra: 1 });
  } finally {
    running = false;
    await load;
    await Promise.all([ours.end(), theirs.end()]);
  }
});

async function leftovers(pair: DatabasePair): Promise<string | null | undefined> {
  const sql = `SELECT count(*)::text AS n FROM pg_replication_slots
               WHERE slot_name LIKE 'cdc_lab_verifier_%' AND database = current_database()`;
  return (await pair.source.one(sql)).n;
}
