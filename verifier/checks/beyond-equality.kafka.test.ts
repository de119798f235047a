import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTopic } from '../../fixtures/testing/create-topic.ts';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import type { Check } from '../check.ts';
import { formatLedgerEntry, type LedgerWrite } from '../observe/ledger/ledger.ts';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { topicIds } from '../observe/topic/topic-ids.ts';
import type { Report } from '../report.ts';
import { contextOf } from '../testing/context.ts';
import { databasePair } from '../testing/databases.ts';
import { insert, type Played, play, position, row } from '../testing/played.ts';
import type { TopicLogView } from '../verification/topic-log-view.ts';
import { VerifierMemory } from '../verification/verifier-memory.ts';
import atomicity from './atomicity.ts';
import foreignWriters from './foreign-writers.ts';
import order from './order.ts';
import processingLog from './processing-log.ts';
import resurrectedRows from './resurrected-rows.ts';

/** All findings without `slot-health`: the test's pipeline has no reader of the slot. */
const found = (report: Report) =>
  report.findings
    .filter(({ check }) => check !== 'slot-health')
    .map(({ check, class: name, hop, count, table }) => [check, name, hop, count, table]);
const detailOf = (report: Report, check: string) => report.checks.find((one) => one.check === check)?.detail;

/** The sink's own tables and columns, as the lab's sink makes them. */
const KEPT = `
  ALTER TABLE items ADD COLUMN _cdc_position text COLLATE "C";
  CREATE TABLE _cdc_offsets (connector text, topic text, partition int, next_offset bigint);
  CREATE TABLE _cdc_stats (connector text, topic text, partition int, applied bigint, suppressed bigint, dead_lettered bigint);
  CREATE TABLE _cdc_tombstones (table_name text, key text COLLATE "C", position text COLLATE "C")`;

const place = (id: number, version: number): string => position(id * 100 + version);
const at = (id: number, version: number): string =>
  `UPDATE items SET _cdc_position = '${place(id, version)}' WHERE id = ${id}`;

/** Sets the sink's next offset, and the number of changes that it has applied and suppressed. */
async function processed(played: Played, offset: number, applied: number, suppressed = 0): Promise<void> {
  await played.pair.onSink(`DELETE FROM _cdc_offsets; DELETE FROM _cdc_stats;
    INSERT INTO _cdc_offsets VALUES ('s', '${played.topic}', 0, ${offset});
    INSERT INTO _cdc_stats VALUES ('s', '${played.topic}', 0, ${applied}, ${suppressed}, 0)`);
  await played.commit();
}

test('these checks find nothing about a sink that has handled every change once and in order', async () => {
  await using played = await play();
  const memory = new VerifierMemory();
  await played.pair.onSink(KEPT);
  await played.pair.onBoth(`${insert(1, 'b', 2)}; ${insert(2, 'a', 1)}`);
  await played.pair.onSink(`${at(1, 2)}; ${at(2, 1)}`);
  const gone = { key: { id: 3 }, value: { op: 'd', before: { id: 3 }, after: null }, position: place(3, 2) };
  const tombstone = { key: { id: 3 }, value: null, position: place(3, 2) };
  // The second delivery of the first change is not an inversion, and a tombstone is not a change.
  const records = [
    row(1, 'a', 1),
    row(1, 'b', 2, 'u'),
    row(1, 'a', 1),
    row(2, 'a', 1),
    row(3, 'x', 1),
    gone,
    tombstone,
  ];
  await played.produce(records);
  await played.pair.onSink(`INSERT INTO _cdc_tombstones VALUES ('public.items', '3', '${place(3, 2)}')`);
  await processed(played, 7, 5, 1);
  const first = await played.report(30_000, memory);
  expect(found(first)).toEqual([]);
  expect(detailOf(first, 'processing-log')).toBe('6 changes, each accounted for');
  expect(detailOf(first, 'order')).toMatch(/^6 changes in order; 2 rows watched/);
  expect(detailOf(first, 'foreign-writers')).toBe('2 rows, each written by an event');
  expect(detailOf(first, 'resurrected-rows')).toContain("1 checked by the sink's tombstones");
  // The next verification reads only new records.
  await played.pair.onBoth(insert(1, 'c', 3));
  await played.pair.onSink(at(1, 3));
  await played.produce([row(1, 'c', 3, 'u')]);
  await processed(played, 8, 6, 1);
  expect(found(await played.report(30_000, memory))).toEqual([]);
});

test('each fault that no comparison of rows can see is found by its check, and by no other', async () => {
  await using played = await play();
  await played.pair.onSink(KEPT);
  await played.pair.onBoth([1, 2, 3, 4].map((id) => insert(id, 'c', 3)).join(';'));
  // Row 1: an older change arrives after a newer one, and is suppressed.
  await played.produce([row(1, 'a', 1), row(1, 'c', 3, 'u'), row(1, 'b', 2, 'u')]);
  // Row 2: the sink skips a change, which a later one hides. Row 3: an application writes it before its event arrives.
  // Row 4 has a position that no event has.
  await played.produce([row(2, 'b', 2), row(2, 'c', 3, 'u'), row(3, 'c', 3), row(4, 'c', 3)]);
  await played.pair.onSink(`${at(1, 3)}; ${at(2, 3)}; ${at(4, 7)}`);
  await processed(played, 7, 5, 1);
  const report = await played.report();
  expect(found(report)).toEqual([
    ['foreign-writers', 'foreign', 'sink', 2, 'public.items'],
    ['order', 'order', 'capture', 1, 'public.items'],
    ['processing-log', 'skipped', 'sink', 1, 'public.items'],
  ]);
  expect(report.verdict).toBe('FAIL');
  const of = (check: string) => report.findings.find((one) => one.check === check);
  expect(detailOf(report, 'processing-log')).toContain('skipped 1 of 7 changes');
  expect(of('order')?.first).toMatchObject({ key: { id: '1' } });
  expect(
    of('foreign-writers')
      ?.examples.map(({ key }) => key.id)
      .sort(),
  ).toEqual(['3', '4']);
});

test('a skipped or inverted change is history once the rows are equal and more changes arrived without another', async () => {
  await using played = await play();
  const memory = new VerifierMemory();
  const look = async () => await played.report(30_000, memory);
  await played.pair.onSink(KEPT);
  await played.pair.onBoth([1, 2].map((id) => insert(id, 'c', 3)).join(';'));
  await played.pair.onSink(`${at(1, 3)}; ${at(2, 3)}`);
  // Row 1: an older change arrives late, and is suppressed. Row 2: the sink skips a change.
  await played.produce([row(1, 'c', 3, 'u'), row(1, 'b', 2, 'u'), row(2, 'b', 2), row(2, 'c', 3, 'u')]);
  await processed(played, 4, 2, 1);
  const wrong = [
    ['order', 'order', 'capture', 1, 'public.items'],
    ['processing-log', 'skipped', 'sink', 1, 'public.items'],
  ];
  // Without a further change it is not known whether the fault goes on.
  for (let round = 0; round < 2; round++) expect(found(await look())).toEqual(wrong);
  await played.pair.onBoth(insert(2, 'd', 4));
  await played.pair.onSink(at(2, 4));
  await played.produce([row(2, 'd', 4, 'u')]);
  await processed(played, 5, 3, 1);
  for (let round = 0; round < 2; round++) {
    const report = await look();
    expect(found(report)).toEqual([]);
    expect(detailOf(report, 'processing-log')).toMatch(/^healed: .* skipped 1 of 5 changes/);
    expect(detailOf(report, 'order')).toContain('healed: 1 changes in');
  }
  // A verifier that sees the count for the first time cannot know that the fault is over.
  expect(found(await played.report())).toEqual(wrong);
  // Another skipped change is a fault of now.
  await played.pair.onBoth(insert(2, 'e', 6));
  await played.pair.onSink(at(2, 6));
  await played.produce([row(2, 'x', 5, 'u'), row(2, 'e', 6, 'u')]);
  await processed(played, 7, 4, 1);
  expect(found(await look())).toEqual([['processing-log', 'skipped', 'sink', 2, 'public.items']]);
});

test('what a sink skipped in a topic does not excuse what it skips in another one of the same name', async () => {
  await using played = await play();
  const memory = new VerifierMemory();
  const skipped = [['processing-log', 'skipped', 'sink', 1, 'public.items']];
  const write = async (version: number): Promise<void> => {
    await played.pair.onBoth(insert(1, 'x', version));
    await played.pair.onSink(at(1, version));
  };
  await played.pair.onSink(KEPT);
  await write(3);
  await played.produce([row(1, 'a', 2), row(1, 'x', 3, 'u')]);
  await processed(played, 2, 1);
  expect(found(await played.report(30_000, memory))).toEqual(skipped);
  await write(4);
  await played.produce([row(1, 'x', 4, 'u')]);
  await processed(played, 3, 2);
  expect(found(await played.report(30_000, memory))).toEqual([]);
  const { kafka } = played.config;
  if (kafka === null) throw new Error('the test needs Kafka');
  const id = async () => (await topicIds(kafka, [played.topic])).get(played.topic) ?? '';
  await played.admin.deleteTopics({ topics: [played.topic] });
  await expect.poll(id, { timeout: 10_000 }).toBe('');
  await createTopic(played.admin, played.topic);
  await expect.poll(id, { timeout: 10_000 }).not.toBe('');
  await write(5);
  await played.produce([row(1, 'a', 2), ...[3, 4, 5].map((version) => row(1, 'x', version, 'u'))]);
  await processed(played, 4, 3);
  expect(found(await played.report(30_000, memory))).toEqual(skipped);
});

test('a row whose tombstone is newer is not resurrected if the source has the same row', async () => {
  await using played = await play();
  await played.pair.onSink(KEPT);
  await played.produce([row(1, 'a', 1)]);
  await played.pair.onBoth(insert(1, 'a', 1));
  await played.pair.onSink(
    `${at(1, 1)}; INSERT INTO _cdc_tombstones VALUES ('public.items', '1', '${place(1, 2)}')`,
  );
  await processed(played, 1, 1);
  const report = await played.report();
  expect(found(report)).toEqual([]);
  expect(detailOf(report, 'resurrected-rows')).toContain('healed: 1 rows with a newer tombstone');
});

test('a verifier with a memory finds a row of the sink whose position goes back, until the row is repaired', async () => {
  await using played = await play();
  const memory = new VerifierMemory();
  await played.pair.onSink(KEPT);
  await played.pair.onBoth(insert(1, 'a', 2));
  await played.produce([row(1, 'a', 1), row(1, 'a', 2, 'u')]);
  await played.pair.onSink(at(1, 2));
  await processed(played, 2, 2);
  expect(found(await played.report(30_000, memory))).toEqual([]);
  await played.pair.onSink(at(1, 1));
  for (let round = 0; round < 2; round++) {
    expect(found(await played.report(30_000, memory))).toEqual([
      ['order', 'order', 'sink', 1, 'public.items'],
    ]);
  }
  await played.pair.onSink(at(1, 2));
  expect(found(await played.report(30_000, memory))).toEqual([]);
});

test('a row is resurrected according to the sink’s tombstones, or to an older change after its delete, but not if its delete was lost', async () => {
  await using played = await play();
  await played.pair.onSink(KEPT);
  const goneOf = (id: number) => ({
    key: { id },
    value: { op: 'd', before: { id }, after: null },
    position: place(id, 2),
  });
  await played.produce([row(1, 'a', 1), goneOf(1), row(1, 'a', 1), row(2, 'a', 1), goneOf(2)]);
  await played.pair.onSink(`${insert(1, 'a', 1)}; ${insert(2, 'a', 1)}; ${at(1, 1)}; ${at(2, 1)}`);
  await processed(played, 5, 5);
  const expected = (resurrected: number) => [
    ['extra-rows', 'extra', 'sink', 2, 'public.items'],
    ['resurrected-rows', 'resurrected', 'sink', resurrected, 'public.items'],
  ];
  expect(found(await played.report())).toEqual(expected(1));
  const tombstones = [1, 2].map((id) => `('public.items', '${id}', '${place(id, 2)}')`).join();
  await played.pair.onSink(`INSERT INTO _cdc_tombstones VALUES ${tombstones}`);
  expect(found(await played.report())).toEqual(expected(2));
});

test('the sum of a column shows an effect that took place twice, even if each row has its last version', async () => {
  await using played = await play();
  const memory = new VerifierMemory();
  await played.pair.onSink(KEPT);
  await played.pair.onBoth('ALTER TABLE items ADD COLUMN quantity int');
  const ordered = (id: number, version: number, quantity: number, op = 'c') => {
    const { value, ...own } = row(id, 'a', version, op);
    return { ...own, value: { ...value, after: { ...value.after, quantity } } };
  };
  const set = (id: number, quantity: number, more = ''): string =>
    `UPDATE items SET quantity = ${quantity}${more} WHERE id = ${id}`;
  await played.pair.onBoth([1, 2].map((id) => insert(id, 'a', 1)).join(';'));
  await played.pair.onBoth(`${set(1, 5)}; ${set(2, 7)}; UPDATE items SET version = 2 WHERE id = 1`);
  await played.pair.onSink(`${at(1, 2)}; ${at(2, 1)}`);
  await played.produce([ordered(1, 1, 3), ordered(2, 1, 7), ordered(1, 2, 5, 'u'), ordered(1, 2, 5, 'u')]);
  await processed(played, 4, 3, 1);
  const healthy = await played.report(30_000, memory);
  expect(found(healthy)).toEqual([]);
  // The decimal is not judged, because events without a schema do not give its scale.
  expect(detailOf(healthy, 'effects')).toContain('2 columns add up');
  expect(detailOf(healthy, 'effects')).toContain('not judged: public.items.price');
  // The update added two. Now it adds two again, and the row's version and position stay the same.
  await played.pair.onSink(set(1, 7));
  for (const round of ['first', 'again']) {
    const report = await played.report(30_000, memory);
    expect([round, ...found(report)]).toEqual([
      round,
      ['corrupted-rows', 'corrupted', 'sink', 1, 'public.items'],
      ['effects', 'effects', 'sink', 1, 'public.items'],
    ]);
    expect(detailOf(report, 'effects')).toContain('quantity adds up to 2 more than its events make');
  }
  // A change that the sink has not applied yet is in neither sum.
  await played.pair.onSink(set(1, 5));
  await played.produce([ordered(2, 2, 9, 'u')]);
  await played.pair.onBoth(set(2, 9, ', version = 2'));
  await played.pair.onSink(at(2, 2));
  await processed(played, 5, 4, 1);
  expect(found(await played.report(30_000, memory))).toEqual([]);
});

test.each([order, processingLog, foreignWriters] satisfies Check[])(
  '$name gives no verdict if the topics could not be read',
  async (check) => {
    await using pair = await databasePair();
    await pair.onSink('CREATE TABLE items (id int PRIMARY KEY, _cdc_position text)');
    const items = await readCatalogue(pair.sink);
    const catalogues = {
      source: items,
      copies: items,
      expected: [...items.values()],
      unknown: [],
      absent: [],
      misnamed: [],
    };
    const log = { problem: 'reading the topics stalled', processed: [] } as unknown as TopicLogView;
    const contextWith = (topicLog: () => Promise<TopicLogView>) =>
      contextOf({
        databases: { sink: async () => pair.sink },
        pipeline: { topics: async () => new Map([['public.items', 't']]) },
        evidence: { catalogues: async () => catalogues, topicLog },
      });
    await expect(check.run(contextWith(async () => log))).rejects.toThrow('stalled');
    const failing = contextWith(() => Promise.reject(new Error('no broker')));
    await expect(check.run(failing)).rejects.toThrow('no broker');
  },
);

test('resurrected-rows gives no verdict if a table was not compared', async () => {
  await using pair = await databasePair();
  await pair.onSink('CREATE TABLE items (id int PRIMARY KEY)');
  const items = await readCatalogue(pair.sink);
  const tables = [...items.values()].map((table) => ({
    ...{ table, comparison: null, problem: 'permission denied', attributed: [], history: null },
  }));
  const result = await resurrectedRows.run(
    contextOf({
      databases: { sink: async () => pair.sink },
      evidence: {
        catalogues: async () => ({
          source: items,
          copies: items,
          expected: [...items.values()],
          unknown: [],
          absent: [],
          misnamed: [],
        }),
        content: async () => ({ tables, coverage: 0, comparison: null }),
      },
    }),
  );
  expect(result).toMatchObject({ verdict: 'INCONCLUSIVE', findings: [] });
  expect(result.detail).toContain('not compared: public.items');
});

const AT = '2026-01-01T00:00:00.000Z';
const write = (id: number, version: number, op: LedgerWrite['op'] = 'u'): LedgerWrite => ({
  ...{ table: 'public.items', key: { id: String(id) } },
  ...{ op, version },
});

/** Writes a ledger of committed transactions. */
function ledgerOf(transactions: readonly LedgerWrite[][]): string {
  const path = join(makeTestFolder(), 'ledger.ndjson');
  const entries = transactions.flatMap((writes, i) => [
    formatLedgerEntry({ t: 'intent', tx: i, xid: String(i), at: AT, writes }),
    formatLedgerEntry({ t: 'outcome', tx: i, result: 'ok', at: AT }),
  ]);
  writeFileSync(path, entries.join(''));
  return path;
}

test('a transaction that the sink shows only in part is torn if the pipeline promises atomicity, and is otherwise reported', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id int PRIMARY KEY, version bigint)');
  const [source, copies] = [await readCatalogue(pair.source), await readCatalogue(pair.sink)];
  const look = async (transactions: readonly LedgerWrite[][], atomic: boolean | null = true) =>
    await atomicity.run(
      contextOf({
        config: { sink: { url: pair.sinkUrl, atomic }, ledger: ledgerOf(transactions) },
        databases: { sink: async () => pair.sink },
        evidence: {
          catalogues: async () => ({
            source,
            copies,
            expected: [...source.values()],
            unknown: [],
            absent: [],
            misnamed: [],
          }),
        },
      }),
    );
  await pair.onSink('INSERT INTO items VALUES (1, 1), (2, 3)');
  // Each transaction is there whole or not at all. A row that a later transaction wrote does not count for an earlier one.
  const whole = [
    [write(1, 1, 'c'), write(2, 1, 'c')],
    [write(2, 2), write(9, 1, 'd')],
    [write(2, 3), write(8, 1, 'd')],
    [write(3, 1, 'c'), write(4, 1, 'c')],
  ];
  expect(await look(whole)).toMatchObject({ verdict: 'PASS', findings: [] });
  const torn = [...whole, [write(1, 2), write(5, 1, 'c'), write(7, 2, 'd')]];
  const judged = await look(torn);
  expect(judged).toMatchObject({ verdict: 'FAIL', findings: [{ class: 'torn', hop: 'sink', count: 1 }] });
  expect(judged.findings[0]?.first).toMatchObject({
    key: { xid: '4' },
    detail: '1 of its 3 rows are in the sink',
  });
  const unjudged = await look(torn, null);
  expect(unjudged).toMatchObject({ verdict: 'PASS', findings: [] });
  expect(unjudged.detail).toContain('does not promise atomicity; one snapshot of the sink showed 1 of');
  // The configuration asks for a judgement, but there is no evidence.
  expect((await look([[write(1, 1)]])).verdict).toBe('INCONCLUSIVE');
  const without = contextOf({ config: { sink: { url: pair.sinkUrl, atomic: true } } });
  expect((await atomicity.run(without)).verdict).toBe('INCONCLUSIVE');
});
