import { expect, test } from 'vitest';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { ABSENT, type KeyState } from '../compare/read-keys.ts';
import type { WrongRow } from '../compare/settle.ts';
import { pairTables } from '../compare/table-pair.ts';
import type { Column, Table } from '../observe/source/catalogue.ts';
import type { TopicHistory, TopicRecord } from '../observe/topic/topic-history.ts';
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

/** A record of the key, committed at the given position of the WAL; without one its position is not known. */
function recordOf(after: Record<string, string> | null, at: bigint | null = null): TopicRecord {
  const event = { op: after === null ? 'd' : 'u', after, lsn: null, scales: new Map(), semantics: new Map() };
  const lsn = at as Lsn | null;
  const position = at === null ? null : at.toString(16).padStart(16, '0');
  return { topic: 't', partition: 0, offset: 7n, event, position, lsn, content: '' };
}

function historyOf(...records: TopicRecord[]): TopicHistory {
  return {
    records: new Map([['["1"]', records]]),
    truncates: [],
    columns: new Set(),
    complete: true,
    reason: '',
  };
}

/** One record, written before the column `tier` was added. */
function historyWith(after: Record<string, string>): TopicHistory {
  return historyOf(recordOf(after));
}

function wrong(
  columns: string[],
  source: KeyState,
  sink: KeyState,
  span: readonly [bigint, bigint] | null = null,
): WrongRow {
  const own = span === null ? null : { from: span[0] as Lsn, to: span[1] as Lsn };
  return { keyText: '["1"]', class: 'corrupted', count: 1, columns, source, sink, span: own };
}

/** The row with this e-mail address. */
const emailed = (email: string) => ({ id: '1', email, tier: 'x' });
const stateOf = (email: string): KeyState => state('1', email, 'x');

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

test('a record that was committed after the comparison does not blame the capture', () => {
  const history = historyOf(recordOf(emailed('a'), 10n), recordOf(emailed('later'), 30n));
  const row = wrong(['email'], stateOf('a'), stateOf('hand'), [20n, 20n]);
  expect(attribute(PAIR, row, history)).toMatchObject({ class: 'corrupted', hop: 'sink' });
});

test('a delete that was committed after the comparison does not blame the capture', () => {
  const history = historyOf(recordOf(emailed('a'), 10n), recordOf(null, 20n));
  const row = wrong(['email'], stateOf('a'), stateOf('hand'), [20n, 20n]);
  expect(attribute(PAIR, row, history)).toMatchObject({ class: 'corrupted', hop: 'sink' });
});

test('a key that was written meanwhile may have the source’s values in any record of that time', () => {
  const history = historyOf(
    recordOf(emailed('a'), 10n),
    recordOf(emailed('b'), 22n),
    recordOf(emailed('c'), 25n),
    recordOf(null, 28n),
  );
  for (const email of ['a', 'b', 'c']) {
    const row = wrong(['email'], stateOf(email), stateOf('hand'), [20n, 30n]);
    expect(attribute(PAIR, row, history)).toMatchObject({ class: 'corrupted', hop: 'sink' });
  }
});

test('a sink that shows a wrong record of a key that was written meanwhile applied what the capture wrote', () => {
  const history = historyOf(recordOf(emailed('garbled'), 10n), recordOf(emailed('b'), 25n));
  const row = wrong(['email'], stateOf('a'), stateOf('garbled'), [20n, 30n]);
  expect(attribute(PAIR, row, history)).toMatchObject({ class: 'corrupted', hop: 'capture' });
});

test('a sink that shows an older record than it must have applied is stale', () => {
  const history = historyOf(
    recordOf(emailed('old'), 5n),
    recordOf(emailed('a'), 10n),
    recordOf(emailed('b'), 25n),
  );
  const row = wrong(['email'], stateOf('a'), stateOf('old'), [20n, 30n]);
  expect(attribute(PAIR, row, history)).toMatchObject({ class: 'stale', hop: 'sink' });
});

test('a row that is missing was lost by the sink unless the topic deletes it or lacks it', () => {
  const missing = { ...wrong([], stateOf('a'), ABSENT, [20n, 30n]), class: 'missing' } as const;
  const judged = (...records: TopicRecord[]) => attribute(PAIR, missing, historyOf(...records)).hop;
  expect(judged(recordOf(emailed('a'), 10n), recordOf(emailed('b'), 25n))).toBe('sink');
  expect(judged(recordOf(emailed('a'), 10n), recordOf(null, 25n))).toBe('capture');
  expect(judged(recordOf(emailed('b'), 25n))).toBe('capture');
});

test('the capture is not blamed while the topic may still lack what the comparison saw', () => {
  const row = wrong(['email'], stateOf('b'), stateOf('hand'), [20n, 20n]);
  const found = attribute(PAIR, row, historyOf(recordOf(emailed('a'), 10n)), {
    lag: 'the pipeline is behind',
  });
  expect(found).toMatchObject({ hop: 'unknown', detail: expect.stringContaining('the pipeline is behind') });
});

/** A TRUNCATE that the event places at `lsn`, and the capture at `position`. */
function truncateOf(lsn: bigint, position: bigint): TopicRecord {
  const event = { op: 't', after: null, lsn: lsn as Lsn, scales: new Map(), semantics: new Map() };
  return { ...recordOf(null, position), event };
}

test.each([
  ['a TRUNCATE whose position is behind all rows', truncateOf(50n, 0x7fffn), 'capture'],
  ['a TRUNCATE that came after the comparison', truncateOf(300n, 300n), 'sink'],
  ['a TRUNCATE before the row', truncateOf(50n, 50n), 'sink'],
] as const)('a missing row behind %s is blamed on the right hop', (_, truncate, hop) => {
  const history = { ...historyOf(recordOf(emailed('a'), 100n)), truncates: [truncate] };
  const row = { ...wrong([], stateOf('a'), ABSENT, [150n, 200n]), class: 'missing' as const };
  expect(attribute(PAIR, row, history).hop).toBe(hop);
});
