import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import type { Finding, TableReport } from '../report.ts';
import { finding } from '../report.ts';
import type { Verdict } from '../verdict.ts';
import { FindingStore } from './finding-store.ts';
import type { Round } from './kept-finding.ts';

const LIMITS = { keepMs: 1_000_000, keep: 100 };
const timeOf = (second: number): string => new Date(1_800_000_000_000 + second * 1000).toISOString();

const lost = (own: Partial<Finding> = {}): Finding =>
  finding({
    ...{
      check: 'missing-rows',
      class: 'missing',
      verdict: 'FAIL',
      table: 'public.a',
      detail: 'lost',
      count: 3,
    },
    ...{ first: { key: { id: '1' }, columns: [] } },
    ...own,
  });

/** A verification at that second, with the verdict of the check for missing rows, and what it saw of the table. */
const round = (
  second: number,
  findings: readonly Finding[],
  verdict: Verdict,
  table: Verdict = 'PASS',
  seen: Partial<TableReport> = { checksumEqual: table === 'PASS' },
): Round => ({
  at: timeOf(second),
  findings,
  checks: [{ check: 'missing-rows', verdict, detail: '' }],
  tables: [{ table: 'public.a', verdict: table, inFlight: 0, ...seen }] as unknown as Round['tables'],
});

const life = (store: FindingStore) =>
  store.list().map(({ state, rounds, count, maxCount }) => [state, rounds, count, maxCount]);

test('a finding is open, then confirmed, then healed, and its first example stays', () => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  store.note(round(1, [lost()], 'FAIL', 'FAIL'));
  expect(life(store)).toEqual([['open', 1, 3, 3]]);
  store.note(
    round(2, [lost({ count: 1, hop: 'sink', first: { key: { id: '9' }, columns: [] } })], 'FAIL', 'FAIL'),
  );
  expect(life(store)).toEqual([['confirmed', 2, 1, 3]]);
  store.note(round(3, [], 'PASS'));
  expect(store.list()).toMatchObject([
    {
      ...{ state: 'healed', hop: 'sink', first: { key: { id: '1' } }, firstSeenAt: timeOf(1) },
      ...{ confirmedAt: timeOf(2), lastSeenAt: timeOf(2), healedAt: timeOf(3) },
    },
  ]);
});

const unread = { checksumEqual: null };
const moving = { checksumEqual: false, inFlight: 1 };

test.each<[string, Verdict, Verdict, Partial<TableReport>?]>([
  ['a check without a verdict', 'INCONCLUSIVE', 'PASS'],
  ['a fence that was not passed', 'SYNC_IN_PROGRESS', 'PASS'],
  ['a table that was not compared', 'PASS', 'INCONCLUSIVE', unread],
  ['a table that was not compared, and fails another check', 'PASS', 'FAIL', unread],
  ['a table with keys in flight', 'PASS', 'INCONCLUSIVE', moving],
  ['a table with keys in flight, and a wrong row of another class', 'PASS', 'FAIL', moving],
])('%s heals nothing', (_, verdict, table, seen) => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  store.note(round(1, [lost()], 'FAIL', 'FAIL'));
  store.note(round(2, [], verdict, table, seen));
  expect(life(store)).toEqual([['open', 1, 3, 3]]);
});

test('a table that was compared heals what its check no longer finds, even if it fails another check', () => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  store.note(round(1, [lost()], 'FAIL', 'FAIL'));
  store.note(round(2, [], 'PASS', 'FAIL'));
  expect(life(store)).toEqual([['healed', 1, 3, 3]]);
});

test('a check that fails, and lacks evidence for the rest, heals nothing', () => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  store.note(round(1, [lost()], 'FAIL', 'FAIL'));
  const rest = lost({ class: 'evidence-missing', verdict: 'INCONCLUSIVE', table: null });
  store.note(round(2, [lost({ table: 'public.b' }), rest], 'FAIL'));
  expect(store.list().map(({ state, table }) => [state, table])).toContainEqual(['open', 'public.a']);
});

/** A finding that names all of its wrong rows. */
const wrong = (...ids: string[]): Finding => {
  const examples = ids.map((id) => ({ key: { id }, columns: ['name'] }));
  return lost({ count: ids.length, first: examples[0] ?? null, examples });
};
const secondOf = (at: string | null) =>
  at === null ? null : (Date.parse(at) - Date.parse(timeOf(0))) / 1000;
const rows = (store: FindingStore) =>
  (store.list()[0]?.examples ?? []).map(({ key, firstSeenAt, lastSeenAt, healedAt }) => [
    key.id,
    ...[firstSeenAt, lastSeenAt, healedAt].map(secondOf),
  ]);

test('each row has its own times: a row that was wrong for one round is kept beside one that stays wrong', () => {
  const dir = makeTestFolder();
  const store = new FindingStore(dir, LIMITS);
  store.note(round(1, [wrong('1')], 'FAIL', 'FAIL'));
  store.note(round(2, [wrong('1', '2')], 'FAIL', 'FAIL'));
  store.note(round(3, [wrong('1')], 'FAIL', 'FAIL'));
  store.note(round(4, [wrong('3')], 'FAIL', 'FAIL'));
  store.note(round(5, [wrong('3', '1')], 'FAIL', 'FAIL'));
  const before = [
    ['1', 1, 3, 4],
    ['2', 2, 2, 3],
  ];
  expect(life(store)).toEqual([['confirmed', 5, 2, 2]]);
  expect(rows(store)).toEqual([...before, ['3', 4, 5, null], ['1', 5, 5, null]]);
  store.note(round(6, [], 'PASS'));
  expect(rows(new FindingStore(dir, LIMITS))).toEqual([...before, ['3', 4, 5, 6], ['1', 5, 5, 6]]);
});

test('a row is not healed by a look at some rows, or if not all rows were named or judged', () => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  store.note(round(1, [wrong('1')], 'FAIL', 'FAIL'));
  store.seen({ at: timeOf(2), findings: [wrong('2')] });
  store.note(round(3, [{ ...wrong('2'), count: 2 }], 'FAIL', 'FAIL'));
  store.note(round(4, [wrong('2')], 'FAIL', 'FAIL', moving));
  expect(rows(store)).toEqual([
    ['1', 1, 1, null],
    ['2', 2, 4, null],
  ]);
});

test('without a key, examples are distinguished by their columns', () => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  const examples = ['a', 'b'].map((column) => ({ key: {}, columns: [column] }));
  store.note(round(1, [lost({ count: 2, examples })], 'FAIL', 'FAIL'));
  expect(store.list()[0]?.examples.map(({ columns }) => columns)).toEqual([['a'], ['b']]);
});

test('the number of rows is bounded: the first that healed are dropped, and rows that are wrong stay', () => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  const ids = Array.from({ length: 150 }, (_, i) => `${i}`);
  store.note(round(1, [wrong(...ids)], 'FAIL', 'FAIL'));
  expect(rows(store).map(([id]) => id)).toEqual(ids.slice(0, 100));
  store.note(round(2, [wrong(...ids.slice(2, 100))], 'FAIL', 'FAIL'));
  store.note(round(3, [wrong(...ids.slice(2, 100), 'x')], 'FAIL', 'FAIL'));
  expect(rows(store).map(([id]) => id)).toEqual([...ids.slice(1, 100), 'x']);
});

test('a file from before rows had times is read, and new rows get times', () => {
  const dir = makeTestFolder();
  new FindingStore(dir, LIMITS).note(round(1, [wrong('1')], 'FAIL', 'FAIL'));
  const path = join(dir, 'findings.ndjson');
  const { examples: _, ...old } = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, `${JSON.stringify(old)}\n`);
  const store = new FindingStore(dir, LIMITS);
  store.note(round(2, [wrong('2')], 'FAIL', 'FAIL'));
  expect(life(store)).toEqual([['confirmed', 2, 1, 1]]);
  expect([store.list()[0]?.first?.key, rows(store)]).toEqual([{ id: '1' }, [['2', 2, 2, null]]]);
});

test('a check that did not run, or looked at some rows only, heals nothing', () => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  store.note(round(1, [lost()], 'FAIL', 'FAIL'));
  store.note({ ...round(2, [], 'PASS'), checks: [] });
  const idle = { check: 'missing-rows', verdict: 'PASS', status: 'not-applicable', detail: '' } as const;
  store.note({ ...round(2, [], 'PASS'), checks: [idle] });
  store.seen({ at: timeOf(3), findings: [] });
  expect(life(store)).toEqual([['open', 1, 3, 3]]);
});

test('a finding that comes back after it healed is a new one, and the old one stays in the history', () => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  store.note(round(1, [lost()], 'FAIL', 'FAIL'));
  store.note(round(2, [], 'PASS'));
  store.note(round(3, [lost({ count: 1 })], 'FAIL', 'FAIL'));
  expect(life(store)).toEqual([
    ['open', 1, 1, 1],
    ['healed', 1, 3, 3],
  ]);
  expect(store.count('open')).toBe(1);
});

test('a life continues across a restart, and a line torn by a kill is left out', () => {
  const dir = makeTestFolder();
  new FindingStore(dir, LIMITS).note(round(1, [lost()], 'FAIL', 'FAIL'));
  appendFileSync(join(dir, 'findings.ndjson'), '{"id":"torn');
  const second = new FindingStore(dir, LIMITS);
  second.note(round(2, [lost()], 'FAIL', 'FAIL'));
  const third = new FindingStore(dir, LIMITS);
  expect(life(third)).toEqual([['confirmed', 2, 3, 3]]);
  third.note(round(3, [], 'PASS'));
  expect(life(new FindingStore(dir, LIMITS))).toEqual([['healed', 2, 3, 3]]);
});

test('healed findings are dropped by age and number, others never, and the file stays small', () => {
  const dir = makeTestFolder();
  const store = new FindingStore(dir, { keepMs: 50_000, keep: 2 });
  for (let i = 0; i < 10; i++) {
    store.note(round(i * 10, [lost()], 'FAIL', 'FAIL'));
    store.note(round(i * 10 + 1, [], 'PASS'));
  }
  expect(store.list().map(({ healedAt }) => healedAt)).toEqual([timeOf(91), timeOf(81)]);
  for (let i = 0; i < 3_000; i++) store.note(round(100 + i / 100, [lost()], 'FAIL', 'FAIL'));
  expect(life(store)[0]).toEqual(['confirmed', 3_000, 3, 3]);
  expect(readFileSync(join(dir, 'findings.ndjson'), 'utf8').split('\n').length).toBeLessThan(1_100);
  store.note(round(10_000, [lost()], 'FAIL', 'FAIL'));
  expect(new FindingStore(dir, LIMITS).list().map(({ state }) => state)).toEqual(['confirmed']);
});

test('missing evidence is not a finding about the pipeline', () => {
  const store = new FindingStore(makeTestFolder(), LIMITS);
  const blind = lost({ class: 'evidence-missing', verdict: 'INCONCLUSIVE' });
  store.note(round(1, [blind], 'INCONCLUSIVE'));
  expect(store.list()).toEqual([]);
});
