import { expect, test } from 'vitest';
import {
  at,
  commit,
  deleted,
  deletion,
  explained,
  position,
  record,
  row,
  truncate,
} from '../testing/explained.ts';
import type { LedgerCommit } from './row-life.ts';

const inserted = { commits: [commit(1)], source: null };

test('a committed row that is nowhere was lost by the source', () => {
  const { said, sentence } = explained({ ...inserted, records: [], sink: { rows: [] } });
  expect(said).toEqual(['FAIL', 'missing', 'source']);
  expect(sentence).toBe(
    'version 1 was committed at 03:04:01.000, but the source itself does not have the row: lost by the source',
  );
});

test('a row that only the source lost is not called lost by the capture', () => {
  const { said } = explained({ ...inserted, records: [record(1)], sink: { rows: [row(1)] } });
  expect(said).toEqual(['FAIL', 'missing', 'source']);
});

test('a row that the source does not have may yet be deleted by a later record', () => {
  const fence = { passed: false, waitingFor: 'still waiting for the slot' };
  expect(explained({ ...inserted, records: [record(1)], fence }).said).toEqual([
    'SYNC_IN_PROGRESS',
    'pending',
    null,
  ]);
});

test('a client without a ledger may have deleted the row, or emptied its table', () => {
  const gone = { rows: [], tombstone: { position: position(3), at: at(3) } };
  expect(explained({ ...inserted, records: [record(1), deletion(3)], sink: gone }).said[0]).toBe('PASS');
  // Also if the commit itself has no record.
  expect(explained({ ...inserted, records: [deletion(3)], sink: gone }).said[0]).toBe('PASS');
  const unknown: LedgerCommit = { ...commit(1, 'd'), outcome: 'unknown' };
  const open = { ...inserted, commits: [commit(1), unknown] };
  expect(explained({ ...open, records: [record(1)], sink: { rows: [] } }).said[0]).toBe('PASS');
});

test('a delete or TRUNCATE before the last commit does not explain that its row is gone', () => {
  const again: LedgerCommit = { ...commit(1), xid: '704' };
  const commits = [commit(1), commit(2), { ...commit(2, 'd'), xid: '703' }, again];
  const sink = { rows: [], tombstone: { position: position(3), at: at(3) } };
  const given = { ...deleted, commits, sink };
  expect(explained(given).said).toEqual(['FAIL', 'missing', 'source']);
  const carried = [...deleted.records, record(4, { op: 'c', version: 1 })];
  expect(explained({ ...given, records: carried, truncates: [truncate] }).said).toEqual([
    'FAIL',
    'missing',
    'source',
  ]);
});

test('a sink that is ahead of the first reading of the source is compared with the second', () => {
  const ahead = { records: [record(1), record(2), record(3)], sourceAfter: row(3), sink: { rows: [row(3)] } };
  expect(explained(ahead)).toMatchObject({
    said: ['PASS', 'right', null],
    sentence: 'the sink has the latest version (3), written by record 2@2',
  });
  const garbled = explained({ ...ahead, differing: ['price'] });
  expect(garbled.said).toEqual(['FAIL', 'corrupted', 'unknown']);
  expect(garbled.sentence).toContain(
    'the sink has version 3, but with another value in price (its record is 2@2)',
  );
});
