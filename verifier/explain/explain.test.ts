import { expect, test } from 'vitest';
import { at, commit, deleted, explained, position, record, row, truncate } from '../testing/explained.ts';
import { explanationJson } from './explain.ts';
import type { FaultInterval, LedgerCommit, StoredRow } from './row-life.ts';

test('a row that arrived names the record that wrote it, and what it replaced', () => {
  const { said, sentence, fates } = explained();
  expect(said).toEqual(['PASS', 'right', null]);
  expect(sentence).toBe('the sink has the latest version (2), written by record 2@1');
  expect(fates).toEqual(['replaced', 'standing']);
});

test('a record that was resent is suppressed, and the first one wrote the row', () => {
  const { sentence, fates, explanation } = explained({
    records: [record(1), record(2), record(2, { capturedAt: at(9) })],
  });
  expect(fates).toEqual(['replaced', 'standing', 'suppressed']);
  expect(sentence).toBe(
    'the sink has the latest version (2), written by record 2@1; one record was resent, without effect',
  );
  expect(explanation.timeline.at(-1)?.notes).toEqual([
    'resent: it has the same position as 2@1',
    'suppressed: the sink had its position already, from 2@1',
  ]);
});

test('an older image that comes late is suppressed, and distinguished from a repeated one', () => {
  const { said, fates, explanation } = explained({ records: [record(2), record(1)] });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(fates).toEqual(['standing', 'suppressed']);
  expect(explanation.records[1]?.fate).toMatchObject({
    why: 'it is older than 2@0, which was applied before',
  });
});

test('an older image that the sink applied nevertheless is recognised, and the row is stale', () => {
  const { said, fates } = explained({ records: [record(2), record(1)], sink: { rows: [row(1)] } });
  expect(said).toEqual(['FAIL', 'stale', 'sink']);
  expect(fates).toEqual(['replaced', 'standing']);
});

test('an older image that overwrote a newer one is named as the cause, also if it is a repeated record', () => {
  for (const records of [
    [record(2), record(1)],
    [record(1), record(2), record(1)],
  ]) {
    const { said, sentence, fates, explanation } = explained({ records, sink: { rows: [row(1)] } });
    const by = `2@${records.length - 1}`;
    expect(said).toEqual(['FAIL', 'stale', 'sink']);
    expect(sentence).toContain(`because the older image at ${by} overwrote it: lost by the sink`);
    expect(fates).toEqual([...records.slice(1).map(() => 'replaced'), 'standing']);
    const notes = explanation.timeline.flatMap((entry) => entry.notes);
    expect(notes).toContain(`applied, then overwritten by ${by}, which is older`);
  }
});

test('a record that waits behind a connector that has failed is not said to be on its way', () => {
  const fence = { passed: false, waitingFor: 'a connector has failed', hasFailed: true };
  const { said, sentence } = explained({ done: 1, sink: { rows: [row(1)] }, fence });
  expect(said).toEqual(['FAIL', 'pending', 'unknown']);
  expect(sentence).toContain('the sink has not reached this record, and a connector has failed');
});

test('behind a connector that has failed, no line contradicts another', () => {
  const fence = { passed: false, waitingFor: 'a connector has failed', hasFailed: true };
  const notes = ({ explanation }: ReturnType<typeof explained>) =>
    explanation.timeline.flatMap((entry) => entry.notes).join('; ');
  // The sink failed before it stored an offset: it has committed nothing.
  const unbegun = explained({ sinkOffsets: new Map(), sink: { rows: [] }, fence });
  expect(unbegun.said).toEqual(['FAIL', 'pending', 'unknown']);
  expect(unbegun.fates).toEqual(['waiting', 'waiting']);
  expect(notes(unbegun)).not.toContain('committed this offset');
  // The capture failed before it sent the change.
  const unsent = explained({ records: [record(1)], sink: { rows: [row(1)] }, fence });
  expect(unsent.said).toEqual(['FAIL', 'pending', 'unknown']);
  expect(unsent.sentence).toContain('has no record in the topic yet');
  expect(unsent.sentence).not.toContain('lost by');
  // The row was written before the failure, and the offset was read before the row.
  const written = explained({ done: 1, fence });
  expect(written.said).toEqual(['PASS', 'right', null]);
  expect(written.fates).toEqual(['replaced', 'standing']);
});

test('where the sink has suppressed nothing, a record that it has not kept was applied', () => {
  const suppressed = new Map([['lab.public.items/2', 0]]);
  const late = {
    records: [record(1), record(3), record(2), record(4)],
    source: row(4),
    commits: [1, 2, 3, 4].map((n) => commit(n)),
  };
  const sink = { rows: [row(4)] };
  expect(explained({ ...late, sink }).fates).toEqual(['replaced', 'replaced', 'suppressed', 'standing']);
  const unguarded = explained({ ...late, sink: { ...sink, suppressed } });
  expect(unguarded.fates).toEqual(['replaced', 'replaced', 'replaced', 'standing']);
  const notes = unguarded.explanation.timeline.flatMap((entry) => entry.notes);
  expect(notes).toContain('applied, then overwritten by 2@2, which is older');
  const twice = { records: [record(1), record(2), record(2)], sink: { rows: [row(2)], suppressed } };
  expect(explained(twice).fates).toEqual(['replaced', 'replaced', 'standing']);
});

test('a row that should be gone is not called lost', () => {
  for (const records of [
    deleted.records,
    [record(1), record(2), record(2), deleted.records[2] ?? record(3)],
  ]) {
    const { said, sentence } = explained({ ...deleted, records });
    expect(said).toEqual(['FAIL', 'extra', 'sink']);
    expect(sentence).toMatch(/the delete .*, but the sink still has version 2: not applied by the sink$/);
  }
});

test('a column that no record has is said to be dropped on the way', () => {
  const { sentence } = explained({ differing: ['price'], differingHop: 'capture', unsent: ['price'] });
  expect(sentence).toContain(
    'the column price was dropped on the way: no record has it: corrupted by the capture',
  );
});

test('a record that was applied is never called suppressed, whatever came before and after it', () => {
  const orders = [
    [1, 2],
    [2, 1],
    [1, 2, 1],
    [2, 1, 2],
    [2, 2],
    [1, 2, 1, 2],
  ];
  for (const order of orders) {
    for (const shown of new Set(order)) {
      const records = order.map((version) => record(version));
      const { explanation, fates } = explained({ records, sink: { rows: [row(shown)] } });
      const own = explanation.records.filter((one) => one.record.version === shown);
      expect([order, shown, own.some(({ fate }) => fate.tag === 'standing')]).toEqual([order, shown, true]);
      const last = order.lastIndexOf(shown);
      // What the sink shows was applied the last time that it came, or before everything newer was kept out.
      if (shown === 1 && order.slice(0, last).includes(2))
        expect([order, fates[last]]).toEqual([order, 'standing']);
    }
  }
});

test('a dropped column and a placeholder that was written are named as the cause', () => {
  const { sentence } = explained({
    differing: ['body', 'price'],
    lacking: ['price'],
    placeholders: ['body'],
  });
  expect(sentence).toContain("the sink's table has no column price");
  expect(sentence).toContain('the placeholder for an unsent value was written to body');
});

test('a version that is in the topic and not in the sink was lost by the sink', () => {
  const { said, sentence, fates } = explained({ sink: { rows: [row(1)] } });
  expect(said).toEqual(['FAIL', 'stale', 'sink']);
  expect(sentence).toBe(
    'version 2 was committed at 03:04:02.000 and is in the topic at 2@1, but the sink has version 1: lost by the sink',
  );
  expect(fates).toEqual(['standing', 'no-effect']);
});

test('a row that is in the topic and not in the sink was lost by the sink', () => {
  const { said, sentence } = explained({ sink: { rows: [] } });
  expect(said).toEqual(['FAIL', 'missing', 'sink']);
  expect(sentence).toContain('is in the topic at 2@1, but the row is not in the sink: lost by the sink');
});

test('a commit without a record was lost by the capture, if the fence was passed', () => {
  const { said, sentence } = explained({ records: [record(1)], sink: { rows: [row(1)] } });
  expect(said).toEqual(['FAIL', 'stale', 'capture']);
  expect(sentence).toBe(
    'version 2 was committed at 03:04:02.000 but has no record in the topic, and the sink has version 1: ' +
      'lost by the capture',
  );
});

test('nothing is called lost before the fence is passed, or before the sink has reached the record', () => {
  const fence = { passed: false, waitingFor: 'still waiting for the slot' };
  expect(explained({ records: [record(1)], sink: { rows: [row(1)] }, fence }).said).toEqual([
    'SYNC_IN_PROGRESS',
    'pending',
    null,
  ]);
  const behind = explained({ done: 1, sink: { rows: [row(1)] } });
  expect(behind.said).toEqual(['SYNC_IN_PROGRESS', 'pending', null]);
  expect(behind.fates).toEqual(['standing', 'waiting']);
});

test('nothing is called lost by the capture if older records are gone from the topic', () => {
  const { said } = explained({
    records: [],
    sink: { rows: [] },
    topicGap: 'older records are gone from the topic',
  });
  expect(said).toEqual(['INCONCLUSIVE', 'unknown', null]);
});

test('nothing is called lost by the capture if records of the row were left out', () => {
  const { said } = explained({
    records: [record(1)],
    sink: { rows: [row(1)] },
    leftOut: { commits: 0, records: 1 },
  });
  expect(said).toEqual(['INCONCLUSIVE', 'unknown', null]);
});

test('a record in a dead-letter topic waits there, and is not lost', () => {
  const { said, sentence } = explained({
    records: [record(1), record(2, { deadLetter: true })],
    sink: { rows: [row(1)] },
  });
  expect(said).toEqual(['WARN', 'stale', 'sink']);
  expect(sentence).toContain('the record waits in a dead-letter topic');
});

test('a delete is seen by its tombstone in the sink, and the record for log compaction has no effect', () => {
  const { said, sentence, fates } = explained({
    ...deleted,
    sink: { rows: [], tombstone: { position: position(3), at: at(3) } },
  });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(sentence).toBe('the row is gone from the source and from the sink, deleted by record 2@2');
  expect(fates).toEqual(['replaced', 'replaced', 'standing', 'repeats-delete']);
});

test('a replay after a delete is suppressed by the remembered position', () => {
  const { said, fates } = explained({
    ...deleted,
    records: [...deleted.records, record(1), record(2)],
    sink: { rows: [], tombstone: { position: position(3), at: at(3) } },
  });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(fates.slice(4)).toEqual(['suppressed', 'suppressed']);
});

test('a replay that brought a deleted row back is named as the cause', () => {
  const { said, sentence } = explained({
    ...deleted,
    records: [...deleted.records, record(2)],
    sink: { rows: [row(2)], tombstone: { position: position(3), at: at(3) } },
  });
  expect(said).toEqual(['FAIL', 'extra', 'sink']);
  expect(sentence).toContain(
    'the sink, which had deleted the row, has version 2 again: an older record brought it back',
  );
});

test('a delete without a record was lost by the capture', () => {
  const { said } = explained({ ...deleted, records: [record(1), record(2)] });
  expect(said).toEqual(['FAIL', 'extra', 'capture']);
});

test('a row that was inserted again is not mistaken for its earlier life', () => {
  const again = record(4, { op: 'c', version: 1 });
  const given = { ...deleted, commits: [...deleted.commits, commit(1)], source: row(1) };
  const right = explained({
    ...given,
    records: [...deleted.records, again],
    sink: { rows: [row(1, { _cdc_position: position(4) })] },
  });
  expect(right.sentence).toBe('the sink has the latest version (1), written by record 2@4');
  const stuck = explained({ ...given, records: [...deleted.records, again], sink: { rows: [row(2)] } });
  expect(stuck.said).toEqual(['FAIL', 'stale', 'sink']);
  expect(stuck.sentence).toContain('the sink has version 2, which the source does not have');
  expect(explained({ ...given, sink: { rows: [] } }).said).toEqual(['FAIL', 'missing', 'capture']);
});

test('rows that a TRUNCATE removed are gone on both sides, and their records are older than it', () => {
  const sink = { rows: [], truncate: { position: position(3), at: at(3) } };
  const { said, sentence, fates } = explained({ source: null, truncates: [truncate], sink });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(sentence).toContain('because its table was truncated');
  expect(fates).toEqual(['truncated', 'truncated']);
});

test('a TRUNCATE that the sink did not apply is the sink’s fault', () => {
  const { said, sentence } = explained({ source: null, truncates: [truncate] });
  expect(said).toEqual(['FAIL', 'extra', 'sink']);
  expect(sentence).toContain('a TRUNCATE emptied the table (0@7)');
});

test('two rows with the same key are duplicates, and each record is seen to have written one', () => {
  const { said, sentence, fates } = explained({
    records: [record(2), record(2)],
    sink: { rows: [row(2), row(2)] },
  });
  expect(said).toEqual(['FAIL', 'duplicate', 'sink']);
  expect(sentence).toContain('a record that was resent was written again');
  expect(fates).toEqual(['standing', 'standing']);
});

test('the latest version with another value is corrupted, and the column is named', () => {
  const { said, sentence } = explained({ differing: ['price'] });
  expect(said).toEqual(['FAIL', 'corrupted', 'unknown']);
  expect(sentence).toContain('price');
});

test('a source that is older than the ledger has lost a commit itself', () => {
  const { said, sentence } = explained({ source: row(1) });
  expect(said).toEqual(['FAIL', 'missing', 'source']);
  expect(sentence).toContain('lost by the source');
});

test('a write that was rolled back is not expected in the sink', () => {
  const failed: LedgerCommit = { ...commit(3), outcome: 'fail' };
  const { said, explanation } = explained({ commits: [commit(1), commit(2), failed] });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(explanation.timeline.map(({ text }) => text)).toContain('update, version 3 · xid 703 · rolled back');
});

test('without a ledger, the source’s row is what must have arrived', () => {
  expect(explained({ commits: null }).said).toEqual(['PASS', 'right', null]);
  const lost = explained({ commits: null, records: [record(1)], sink: { rows: [] } });
  expect(lost.said).toEqual(['FAIL', 'missing', 'capture']);
  expect(lost.sentence).toBe(
    'version 2 has no record in the topic, and the row is not in the sink: lost by the capture',
  );
});

test('a row that nothing explains is extra, and a key without a trace is inconclusive', () => {
  const foreign = explained({ commits: [], records: [], source: null, sink: { rows: [row(1)] } });
  expect(foreign.said).toEqual(['FAIL', 'extra', 'sink']);
  const none = explained({ commits: [], records: [], source: null, sink: { rows: [] } });
  expect(none.said).toEqual(['INCONCLUSIVE', 'unknown', null]);
});

test('a row that kept changing is not judged', () => {
  expect(explained({ isMoving: true, sink: { rows: [] } }).said).toEqual(['INCONCLUSIVE', 'unknown', null]);
});

test('a sink without positions is judged by versions, and no record is called suppressed', () => {
  const bare = { version: 2, metadata: {} };
  const { said, fates } = explained({
    records: [record(1), record(2), record(2)],
    sink: { rows: [bare], keepsPositions: false },
  });
  expect(said).toEqual(['PASS', 'right', null]);
  expect(fates).toEqual(['unknown', 'unknown', 'unknown']);
});

test('a table without version column is judged by position and values', () => {
  const bare = (n: number): StoredRow => ({ version: null, metadata: { _cdc_position: position(n) } });
  const records = [record(1, { version: null }), record(2, { version: null })];
  const given = { source: bare(2), records };
  expect(explained({ ...given, sink: { rows: [bare(2)] } }).said).toEqual(['PASS', 'right', null]);
  expect(explained({ ...given, sink: { rows: [bare(1)] }, differing: ['name'] }).said).toEqual([
    'FAIL',
    'stale',
    'sink',
  ]);
  expect(explained({ ...given, sink: { rows: [bare(2)] }, differing: ['name'] }).said).toEqual([
    'FAIL',
    'corrupted',
    'unknown',
  ]);
});

test('a change of the key is shown from its headers', () => {
  const renamed = record(2, { op: 'd', version: null, newKey: '{"id":2}' });
  const { explanation } = explained({ records: [record(1), renamed], source: null, sink: { rows: [] } });
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

test('the timeline shows the faults during which a change was in flight', () => {
  const records = [record(1), record(2), record(2, { capturedAt: at(20) })];
  const { explanation } = explained({ records, faults: [fault(3, 10), fault(21, 30), fault(15, null)] });
  const faults = explanation.timeline.filter(({ kind }) => kind === 'fault');
  expect(faults.map((entry) => [entry.at, entry.text, entry.notes.length])).toEqual([
    [at(3), 'kill-service (restart) begins; it was shown to take effect', 0],
    [at(10), 'kill-service (restart) is healed', 0],
    [at(15), 'kill-service (restart) begins; it was shown to take effect', 1],
  ]);
});

test('the JSON has a schema version, and values only on request', () => {
  const json = JSON.parse(JSON.stringify(explanationJson(explained().explanation)));
  expect(json).toMatchObject({ schemaVersion: 1, verdict: 'PASS', key: { id: '1' } });
  expect(json.records[1]).toMatchObject({ offset: '1', fate: { tag: 'standing' }, travelledAgain: null });
  expect(JSON.stringify(json)).not.toContain('"values"');
});
