import { defineFailure, fault, upgraded } from '../../harness/plugins/failure.ts';

const WITHIN_MS = 10_000;

/** Of the topic: a little more than the row and its event need. */
const RAISED = {
  action: 'topics-set',
  with: { topic: 'documents', set: { 'max.message.bytes': '8000000' } },
};

export default defineFailure({
  title: 'A row larger than the topic takes',
  lesson:
    'One row is larger than max.message.bytes of its topic, and the broker refuses the record. The row is legal at the ' +
    'source, so it comes again after every restart. A capture must stop, and name the key and the size: then somebody ' +
    'raises the limit. A producer whose callback ignores the error goes on, and the row is in no topic.',
  cites: 'maxwell#1122',
  seedRows: 200,
  workload: { kind: 'mixed', rate: 50 },
  clauses: [{ kind: 'writer-ok', why: 'a record that Kafka refuses is no reason for a write to fail' }],
  inject: [fault('oversized-row', { bytes: 3_000_000 })],
  hold: [{ do: 'until-stopped', connector: 'capture', withinMs: WITHIN_MS }],
  sound: {
    expect: {
      verdict: 'FAIL',
      finding: { class: 'connector-failed', hop: 'capture' },
      stop: {
        code: 'CDC-1040',
        says: 'public\\.documents, key \\{"id":"[0-9a-f-]{36}"\\}, of 3\\d{6} bytes',
        withinMs: WITHIN_MS,
      },
    },
    because: 'it stops at the record that Kafka refused, and names its key and its size',
  },
  naive: {
    defects: { capture: ['drops-large-records'] },
    expect: {
      verdict: 'FAIL',
      finding: { class: 'missing', hop: 'capture' },
      follows: ['silent'],
    },
    because: 'it gives up on records that a topic does not take, and goes on without the row',
    recover: [RAISED, ...upgraded('documents')],
  },
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
