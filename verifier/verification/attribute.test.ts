import { expect, test } from 'vitest';
import { ABSENT, type KeyState } from '../compare/read-keys.ts';
import type { WrongRow } from '../compare/settle.ts';
import { pairTables } from '../compare/table-pair.ts';
import type { Column, Table } from '../observe/source/catalogue.ts';
import type { TopicHistory } from '../observe/topic/topic-history.ts';
import { attribute } from './attribute.ts';

const columns = ['id', 'email', 'tier'].map((name): Column => {
  const keyRank = name === 'id' ? 1 : 0;
  return {
    name,
    type: 'text',
    kind: 'b',
    cast: 'text',
    notNull: false,
    hasDefault: false,
    keyRank,
    hashesBytes: true,
  };
});
const TABLE: Table = {
  schema: 'public',
  name: 'customers',
  id: 'public.customers',
  columns,
  key: columns.slice(0, 1),
  estimatedRows: 1,
  canSelect: true,
  only: false,
  generated: [],
};
const PAIR = pairTables(TABLE, TABLE);

function state(...image: string[]): KeyState {
  return { ...ABSENT, rows: 1, image };
}

/** One record, written before the column `tier` was added. */
function historyWith(after: Record<string, string>): TopicHistory {
  const event = { op: 'c', after, scales: new Map(), semantics: new Map() };
  const record = { topic: 't', partition: 0, offset: 7n, event, position: null, content: '' };
  return {
    records: new Map([['["1"]', [record]]]),
    truncates: [],
    columns: new Set(),
    complete: true,
    reason: '',
  };
}

function wrong(columns: string[], source: KeyState, sink: KeyState): WrongRow {
  return { keyText: '["1"]', class: 'corrupted', count: 1, columns, source, sink };
}

test('a column that was added after the record does not affect which hop lost another column', () => {
  const history = historyWith({ id: '1', email: 'a' });
  const row = wrong(['email'], state('1', 'a', 'standard'), state('1', 'hand', 'standard'));
  expect(attribute(PAIR, row, history)).toMatchObject({ class: 'corrupted', hop: 'sink' });
});

test('a record with another value in the wrong column shows that the capture lost it', () => {
  const history = historyWith({ id: '1', email: 'old' });
  const row = wrong(['email'], state('1', 'a', 'standard'), state('1', 'old', 'standard'));
  expect(attribute(PAIR, row, history)).toMatchObject({ hop: 'capture' });
});
