import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'Keepalives inside a transaction',
  lesson:
    'The source answers status updates while it still sends a large transaction, and such a keepalive names the end of ' +
    'its WAL. That is behind rows which are still to come. A capture that stores it as its position, and skips rows ' +
    'before its position when it resumes, loses the rest of the transaction if it is killed now.',
  cites: 'apache/seatunnel#11864',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'kill-in-transaction',
        with: { rows: 8000, rowBytes: 4000, replies: 3 },
      },
    ],
    hold: [],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source', overrides: { 'status.update.interval.ms': '100' } },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'PASS' },
      because:
        'its position is the end of a transaction that Kafka has, so the whole transaction comes again',
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'status.update.interval.ms': '100', 'textbook.mistakes': 'stores-wal-end' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
      because: 'it stores the end of the WAL at each keepalive, and skips rows before it when it resumes',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
