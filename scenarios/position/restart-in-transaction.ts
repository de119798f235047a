import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'Restart inside a transaction',
  lesson:
    'The capture is killed in the middle of a transaction that a COPY has written. The rows of a page share one record of ' +
    'the WAL, and so one LSN: nobody can tell by the LSN of the last row which of them are in Kafka. A sound capture ' +
    'sends the whole transaction again.',
  cites: 'debezium/dbz#7531',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [{ do: 'fault', fault: 'kill-in-transaction', with: { rows: 20_000 } }],
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
      because:
        'its position is the end of a transaction that Kafka has, so the whole transaction comes again',
    },
    naive: {
      source: { file: 'source', engine: 'textbook', overrides: { 'textbook.mistakes': 'skips-equal-lsn' } },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
      because: 'it stores the LSN of each row, and skips the rows that share the last one when it resumes',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
