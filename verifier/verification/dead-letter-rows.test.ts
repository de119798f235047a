import { expect, test } from 'vitest';
import { ABSENT, type KeyState } from '../compare/read-keys.ts';
import type { WrongClass } from '../compare/settle.ts';
import { pairTables } from '../compare/table-pair.ts';
import type { Column, Table } from '../observe/source/catalogue.ts';
import type { TopicRecord } from '../observe/topic/topic-history.ts';
import { judgeDeadLetterRow } from './dead-letter-rows.ts';

const column = (name: string, type: string, keyRank = 0): Column => {
  return { name, type, kind: 'b', cast: type, notNull: false, hasDefault: false, keyRank, hashesBytes: true };
};
const columns = [
  column('id', 'int4', 1),
  column('amount', 'numeric'),
  column('note', 'bytea'),
  column('version', 'int8'),
];
const TABLE: Table = {
  ...{ schema: 'public', name: 'items', id: 'public.items', columns, key: columns.slice(0, 1) },
  ...{ estimatedRows: 1, canSelect: true, only: false, generated: [] },
};
const PAIR = pairTables(TABLE, TABLE);

const state = (...[amount, note, version]: readonly string[]): KeyState => {
  return { ...ABSENT, rows: 1, image: ['1', amount ?? null, note ?? null, version ?? null] };
};

/** `note` travels in hexadecimal, which the reader takes for base64. */
function record(version: string, after: Readonly<Record<string, string>>): TopicRecord {
  const event = { op: 'u', after: { id: '1', version, ...after }, scales: new Map(), semantics: new Map() };
  return { topic: 't', partition: 0, offset: BigInt(version), event, position: null, content: '' };
}
const first = record('1', { amount: '2.5', note: 'beef' });
const last = record('2', { amount: '3.25', note: 'cafe' });
const SOURCE = state('3.25', '\\xcafe', '2');

function judged(sink: KeyState, name: WrongClass = 'stale', records = [first, last]) {
  const row = {
    keyText: '["1"]',
    class: name,
    count: 1,
    columns: ['amount', 'version'],
    source: SOURCE,
    sink,
  };
  const own = { ...row, hop: 'sink', detail: '', last } as const;
  const { class: told, accounted, columns: wrong } = judgeDeadLetterRow(PAIR, own, records, 'version');
  return { told, accounted, wrong };
}

test('a letter accounts for a row as an earlier version left it, however its values travelled', () => {
  expect(judged(state('2.50', '\\xbeef', '1'))).toMatchObject({ told: 'stale', accounted: true });
});

test('a value that the version never had is corrupted, letter or not', () => {
  expect(judged(state('2.51', '\\xbeef', '1'))).toEqual({
    told: 'corrupted',
    accounted: false,
    wrong: ['amount'],
  });
});

test('a version of which the topic has no record, or one without the column, cannot be held against the row', () => {
  expect(judged(state('9.00', '\\xbeef', '1'), 'stale', [last]).accounted).toBe(true);
  expect(judged(state('9.00', '\\xbeef', '1'), 'stale', [record('1', {}), last]).accounted).toBe(true);
});

test('of a row that is missing, extra, corrupted or there twice a letter accounts for the first two', () => {
  const classes = ['missing', 'extra', 'corrupted', 'duplicate'] as const;
  expect(classes.map((name) => judged(ABSENT, name).accounted)).toEqual([true, true, false, false]);
});
