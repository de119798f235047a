import { expect, test } from 'vitest';
import { at, commit, deleted, position, record, row, told, truncate } from '../testing/told.ts';
import { explanationJson } from './explain.ts';
import type { FaultInterval, LedgerCommit, StandingRow } from './row-life.ts';

test('a row that arrived names the record that wrote it, and what it replaced', () => {
  const { said, sentence, fates } = told();
  expect(said).toEqual(['PASS', 'right', null]);
  expect(sentence).toBe('the sink has the last version (2), written by 2@1');
  expect(fates).toEqual(['replaced', 'standing']);
});

test('a record that travelled again is suppressed, and its first delivery is the one that wrote', () => {
  const { sentence, fates, explanation } = told({
    records: [record(1), record(2), record(2, { capturedAt: at(9) })],
  });
  expect(fates).toEqual(['replaced', 'standing', 'suppressed']);
  expect(sentence).toBe(
    'the sink has the last version (2), written by 2@1; one record travelled again, to no effect',
  );
  expect(explanation.timeline.at(-1)?.notes).toEqual([
    'travelled again: the same position as 2@1',
    'suppressed: the same position came before, at 2@1',
  ]);
});

test('an older image that comes late is suppressed, and told from a repeated one', () => {
  const { said, fates, explanation } = told({ records: [record(2), record(1)] });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(fates).toEqual(['standing', 'suppressed']);
  expect(explanation.records[1]?.fate).toMatchObject({ why: 'older position than what stood, 2@0' });
});

test('an older image that won all the same is seen to stand, and the row is stale', () => {
  const { said, fates } = told({ records: [record(2), record(1)], sink: { rows: [row(1)] } });
  expect(said).toEqual(['FAIL', 'stale', 'sink']);
  expect(fates).toEqual(['replaced', 'standing']);
});

test('a version that is in the topic and not in the sink was lost by the sink', () => {
  const { said, sentence, fates } = told({ sink: { rows: [row(1)] } });
  expect(said).toEqual(['FAIL', 'stale', 'sink']);
  expect(sentence).toBe(
    'version 2 was committed at 03:04:02.000, is in the topic at 2@1, and the sink holds version 1 of 2: lost by the sink',
  );
  expect(fates).toEqual(['standing', 'no-effect']);
});

test('a row that is in the topic and nowhere in the sink was lost by the sink', () => {
  const { said, sentence } = told({ sink: { rows: [] } });
  expect(said).toEqual(['FAIL', 'missing', 'sink']);
  expect(sentence).toContain('is in the topic at 2@1, and is not in the sink: lost by the sink');
});

test('a commit without a record was lost by the capture, once the fence is passed', () => {
  const { said, sentence } = told({ records: [record(1)], sink: { rows: [row(1)] } });
  expect(said).toEqual(['FAIL', 'stale', 'capture']);
  expect(sentence).toBe(
    'version 2 was committed at 03:04:02.000, has no record in the topic, and the sink holds version 1 of 2: ' +
      'lost by the capture',
  );
});

test('nothing is called lost before the fence, nor before the sink has got to the record', () => {
  const fence = { passed: false, waitingFor: 'still waiting for the slot' };
  expect(told({ records: [record(1)], sink: { rows: [row(1)] }, fence }).said).toEqual([
    'SYNC_IN_PROGRESS',
    'pending',
    null,
  ]);
  const behind = told({ done: 1, sink: { rows: [row(1)] } });
  expect(behind.said).toEqual(['SYNC_IN_PROGRESS', 'pending', null]);
  expect(behind.fates).toEqual(['standing', 'waiting']);
});

test('nothing is called lost by the capture where older records are gone from the topic', () => {
  const { said } = told({
    records: [],
    sink: { rows: [] },
    topicGap: 'older records are gone from the topic',
  });
  expect(said).toEqual(['INCONCLUSIVE', 'unknown', null]);
});

test('nor where records of the row were left out', () => {
  const { said } = told({
    records: [record(1)],
    sink: { rows: [row(1)] },
    leftOut: { commits: 0, records: 1 },
  });
  expect(said).toEqual(['INCONCLUSIVE', 'unknown', null]);
});

test('a record in a dead-letter topic waits for a person, and is not lost', () => {
  const { said, sentence } = told({
    records: [record(1), record(2, { deadLetter: true })],
    sink: { rows: [row(1)] },
  });
  expect(said).toEqual(['WARN', 'stale', 'sink']);
  expect(sentence).toContain('it waits in a dead-letter topic');
});

test('a delete stands as its tombstone, and the record for compaction has nothing to do', () => {
  const { said, sentence, fates } = told({
    ...deleted,
    sink: { rows: [], tombstone: { position: position(3), at: at(3) } },
  });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(sentence).toBe('the row is gone from the source, and from the sink, deleted by 2@2');
  expect(fates).toEqual(['replaced', 'replaced', 'standing', 'repeats-delete']);
});

test('a replay behind a delete is suppressed by the remembered position', () => {
  const { said, fates } = told({
    ...deleted,
    records: [...deleted.records, record(1), record(2)],
    sink: { rows: [], tombstone: { position: position(3), at: at(3) } },
  });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(fates.slice(4)).toEqual(['suppressed', 'suppressed']);
});

test('a replay that brought a deleted row back is named so', () => {
  const { said, sentence } = told({
    ...deleted,
    records: [...deleted.records, record(2)],
    sink: { rows: [row(2)], tombstone: { position: position(3), at: at(3) } },
  });
  expect(said).toEqual(['FAIL', 'extra', 'sink']);
  expect(sentence).toContain(
    'the sink deleted it and holds version 2 again: an older record brought it back',
  );
});

test('a delete that has no record was lost by the capture', () => {
  const { said } = told({ ...deleted, records: [record(1), record(2)] });
  expect(said).toEqual(['FAIL', 'extra', 'capture']);
});

test('a row that was inserted again is not taken for its earlier life', () => {
  const again = record(4, { op: 'c', version: 1 });
  const given = { ...deleted, commits: [...deleted.commits, commit(1)], source: row(1) };
  const right = told({
    ...given,
    records: [...deleted.records, again],
    sink: { rows: [row(1, { _cdc_position: position(4) })] },
  });
  expect(right.sentence).toBe('the sink has the last version (1), written by 2@4');
  const stuck = told({ ...given, records: [...deleted.records, again], sink: { rows: [row(2)] } });
  expect(stuck.said).toEqual(['FAIL', 'stale', 'sink']);
  expect(stuck.sentence).toContain('the sink holds version 2, which the source does not have');
  expect(told({ ...given, sink: { rows: [] } }).said).toEqual(['FAIL', 'missing', 'capture']);
});

test('what a TRUNCATE emptied is below its watermark, and gone on both sides', () => {
  const sink = { rows: [], truncate: { position: position(3), at: at(3) } };
  const { said, sentence, fates } = told({ source: null, truncates: [truncate], sink });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(sentence).toContain('as its table was emptied');
  expect(fates).toEqual(['suppressed', 'suppressed']);
});

test('a TRUNCATE that the sink did not apply is the sink’s fault', () => {
  const { said, sentence } = told({ source: null, truncates: [truncate] });
  expect(said).toEqual(['FAIL', 'extra', 'sink']);
  expect(sentence).toContain('a TRUNCATE emptied the table (0@7)');
});

test('two rows of one key are duplicates, and each delivery is seen to have written one', () => {
  const { said, sentence, fates } = told({
    records: [record(2), record(2)],
    sink: { rows: [row(2), row(2)] },
  });
  expect(said).toEqual(['FAIL', 'duplicate', 'sink']);
  expect(sentence).toContain('a record that came again was written again');
  expect(fates).toEqual(['standing', 'standing']);
});

test('the last version with another value is corrupted, with the column named', () => {
  const { said, sentence } = told({ differing: ['price'] });
  expect(said).toEqual(['FAIL', 'corrupted', 'unknown']);
  expect(sentence).toContain('price');
});

test('a source older than the ledger has itself lost a commit', () => {
  const { said, sentence } = told({ source: row(1) });
  expect(said).toEqual(['FAIL', 'missing', 'source']);
  expect(sentence).toContain('lost by the source');
});

test('a write that was rolled back is not awaited', () => {
  const failed: LedgerCommit = { ...commit(3), outcome: 'fail' };
  const { said, explanation } = told({ commits: [commit(1), commit(2), failed] });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(explanation.timeline.map(({ text }) => text)).toContain('update, version 3 · xid 703 · rolled back');
});

test('without a ledger the source’s row is what must have arrived', () => {
  expect(told({ commits: null }).said).toEqual(['PASS', 'right', null]);
  const lost = told({ commits: null, records: [record(1)], sink: { rows: [] } });
  expect(lost.said).toEqual(['FAIL', 'missing', 'capture']);
  expect(lost.sentence).toBe(
    'version 2 has no record in the topic, and is not in the sink: lost by the capture',
  );
});

test('a row that nothing explains is the sink’s own, and a key without a trace decides nothing', () => {
  const foreign = told({ commits: [], records: [], source: null, sink: { rows: [row(1)] } });
  expect(foreign.said).toEqual(['FAIL', 'extra', 'sink']);
  const none = told({ commits: [], records: [], source: null, sink: { rows: [] } });
  expect(none.said).toEqual(['INCONCLUSIVE', 'unknown', null]);
});

test('a row that kept changing is not judged', () => {
  expect(told({ isMoving: true, sink: { rows: [] } }).said).toEqual(['INCONCLUSIVE', 'unknown', null]);
});

test('a sink without positions is judged by versions, and no record is said to have been suppressed', () => {
  const bare = { version: 2, metadata: {} };
  const { said, fates } = told({
    records: [record(1), record(2), record(2)],
    sink: { rows: [bare], keepsPositions: false },
  });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(fates).toEqual(['unknown', 'unknown', 'unknown']);
});

test('a table without version column is judged by position and values', () => {
  const bare = (n: number): StandingRow => ({ version: null, metadata: { _cdc_position: position(n) } });
  const records = [record(1, { version: null }), record(2, { version: null })];
  const given = { source: bare(2), records };
  expect(told({ ...given, sink: { rows: [bare(2)] } }).said).toEqual(['PASS', 'right', null]);
  expect(told({ ...given, sink: { rows: [bare(1)] }, differing: ['name'] }).said).toEqual([
    'FAIL',
    'stale',
    'sink',
  ]);
  expect(told({ ...given, sink: { rows: [bare(2)] }, differing: ['name'] }).said).toEqual([
    'FAIL',
    'corrupted',
    'unknown',
  ]);
});

test('the change of a key is told by its headers', () => {
  const renamed = record(2, { op: 'd', version: null, newKey: '{"id":2}' });
  const { explanation } = told({ records: [record(1), renamed], source: null, sink: { rows: [] } });
  expect(explanation.timeline.flatMap(({ notes }) => notes)).toContain('the key became {"id":2}');
});

const fault = (begun: number, healed: number | null): FaultInterval => ({
  fault: 'kill-service',
  runId: 'r',
  scenario: 'restart',
  begunAt: at(begun),
  provenAt: at(begun),
  healedAt: healed === null ? null : at(healed),
});

test('of the faults those are told that fell in the time when something was on its way', () => {
  const records = [record(1), record(2), record(2, { capturedAt: at(20) })];
  const { explanation } = told({ records, faults: [fault(3, 10), fault(21, 30), fault(15, null)] });
  const told3 = explanation.timeline.filter(({ kind }) => kind === 'fault');
  expect(told3.map((entry) => [entry.at, entry.text, entry.notes.length])).toEqual([
    [at(3), 'kill-service (restart) begins; it was shown to take effect', 0],
    [at(10), 'kill-service (restart) is healed', 0],
    [at(15), 'kill-service (restart) begins; it was shown to take effect', 1],
  ]);
});

test('the JSON has a version, and values only where they were asked for', () => {
  const json = JSON.parse(JSON.stringify(explanationJson(told().explanation)));
  expect(json).toMatchObject({ schemaVersion: 1, verdict: 'PASS', key: { id: '1' } });
  expect(json.records[1]).toMatchObject({ offset: '1', fate: { tag: 'standing' }, travelledAgain: null });
  expect(JSON.stringify(json)).not.toContain('"values"');
});
