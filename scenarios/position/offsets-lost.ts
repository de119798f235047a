import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'Offsets lost, slot kept',
  lesson:
    'The stored offsets of the capture are deleted while its slot remains, as after an offsets topic was lost or a ' +
    'connector was renamed. Without a position nobody knows what the topics hold, so all rows are read again. A capture ' +
    'that starts at the end of the WAL instead skips what was committed in between.',
  cites: 'debezium/dbz#1220, Altinity/clickhouse-sink-connector#1185',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [{ do: 'fault', fault: 'lose-offsets', with: { transactions: 20 } }],
    hold: [],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'PASS' },
      because: 'it takes a new snapshot, and streams from where the slot is',
    },
    naive: {
      source: { file: 'source', engine: 'textbook', overrides: { 'textbook.mistakes': 'resumes-now' } },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
      because: 'it starts at the end of the WAL if its position is gone',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
