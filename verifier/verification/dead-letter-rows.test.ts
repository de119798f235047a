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

/** `note` is encoded in hexadecimal, which the reader mistakes for base64. */
function record(version: string, after: Readonly<Record<string, string>>): TopicRecord {
  const event = {
    op: 'u',
    after: { id: '1', version, ...after },
    lsn: null,
    scales: new Map(),
    semantics: new Map(),
  };
  return { topic: 't', partition: 0, offset: BigInt(version), event, position: null, lsn: null, content: '' };
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
    span: null,
  };
  const own = { ...row, hop: 'sink', detail: '', last } as const;
  const { class: judgement, accounted, columns: wrong } = judgeDeadLetterRow(PAIR, own, records, 'version');
  return { class: judgement, accounted, wrong };
}

test('a dead letter accounts for a row that shows an earlier version, however its values are encoded', () => {
  expect(judged(state('2.50', '\\xbeef', '1'))).toMatchObject({ class: 'stale', accounted: true });
});

test('a value that the version never had is corrupted, even if there is a dead letter', () => {
  expect(judged(state('2.51', '\\xbeef', '1'))).toEqual({
    class: 'corrupted',
    accounted: false,
    wrong: ['amount'],
  });
});

test('a version without a record in the topic, or whose record lacks the column, does not make the row corrupted', () => {
  expect(judged(state('9.00', '\\xbeef', '1'), 'stale', [last]).accounted).toBe(true);
  expect(judged(state('9.00', '\\xbeef', '1'), 'stale', [record('1', {}), last]).accounted).toBe(true);
});

test('a dead letter accounts for a missing or extra row, but not for a corrupted or duplicate one', () => {
  const classes = ['missing', 'extra', 'corrupted', 'duplicate'] as const;
  expect(classes.map((name) => judged(ABSENT, name).accounted)).toEqual([true, true, false, false]);
});
