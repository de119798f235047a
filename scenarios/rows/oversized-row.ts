import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'A row larger than the topic takes',
  lesson:
    'One row is larger than max.message.bytes of its topic, and the broker refuses the record. The row is legal at the ' +
    'source, so it comes again after every restart. A capture must stop, and name the key and the size: then somebody ' +
    'raises the limit. A producer whose callback ignores the error goes on, and the row is in no topic.',
  cites: 'maxwell#1122',
  seedRows: 200,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [{ kind: 'writer-ok', why: 'a record that Kafka refuses is no reason for a write to fail' }],
  },
  steps: {
    inject: [{ do: 'fault', fault: 'oversized-row', with: { bytes: 3_000_000 } }],
    hold: [{ do: 'until-stopped', connector: 'capture', withinMs: 10_000 }],
    settle: [],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'mixed', rate: 50 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'connector-failed', hop: 'capture' },
        stop: {
          code: 'CDC-1040',
          says: 'public\\.documents, key \\{"id":"[0-9a-f-]{36}"\\}, of 3\\d{6} bytes',
          withinMs: 10_000,
        },
      },
      because: 'it stops at the record that Kafka refused, and names its key and its size',
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      defects: { capture: ['drops-large-records'] },
      workload: { kind: 'mixed', rate: 50 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'missing', hop: 'capture' },
        follows: ['silent'],
      },
      because: 'it gives up on records that a topic does not take, and goes on without the row',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
