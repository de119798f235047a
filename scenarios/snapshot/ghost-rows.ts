import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'Rows that were deleted while the slot was lost',
  lesson:
    'Rows are deleted while the capture is down, and its slot is made again: no stream has the deletes any more. A new ' +
    'snapshot sends every row that is there, and says nothing of those that are not, so they stay in every copy. A ' +
    'pipeline that marks and sweeps deletes what a complete snapshot did not see.',
  cites: 'confluentinc/kafka-connect-jdbc#1502',
  seedRows: 100,
  // Its rows are not in the ledger: the application does not write to it.
  atSource: {
    sql: [
      'CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)',
      'INSERT INTO accounts SELECT i, 0 FROM generate_series(1, 200) i',
    ],
    tables: ['public.accounts'],
  },
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      { do: 'until-caught-up' },
      { do: 'fault', fault: 'kill-service', with: { service: 'capture' } },
      {
        do: 'fault',
        fault: 'run-statements',
        with: {
          on: 'source',
          transactions: [['DELETE FROM accounts WHERE id % 5 = 0']],
        },
      },
      { do: 'fault', fault: 'recreate-slot', with: {} },
    ],
    hold: [],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source', overrides: { 'snapshot.mode': 'when_needed', 'snapshot.sweep': 'true' } },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'PASS' },
      because: 'when a snapshot is complete, its sink deletes the rows that are older than it',
    },
    naive: {
      source: { file: 'source', overrides: { 'snapshot.mode': 'when_needed' } },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'extra', hop: 'capture', table: 'public.accounts' } },
      because: 'it takes a new snapshot, which has no event for a row that is gone',
      recover: [{ action: 'snapshot', with: { tables: ['accounts'], sweep: true } }],
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab snapshot accounts --sweep --dry-run'],
});
