import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'A prepared transaction',
  lesson:
    'An application prepares a transaction, as two-phase commit does, and the capture is killed before it ends. ' +
    'Prepared is not committed: the transaction may still be rolled back, hours later. A capture that publishes it at ' +
    'the PREPARE has published rows that the source may never have.',
  cites: 'PostgreSQL manual, "Two-Phase Commit Support for Logical Decoding"',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [{ kind: 'writer-ok', why: 'a transaction that is prepared holds nobody up here' }],
  },
  steps: {
    inject: [],
    hold: [{ do: 'until-committed', transactions: 20 }],
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
        'its slot decodes a prepared transaction at its COMMIT PREPARED, and none at a ROLLBACK PREPARED',
    },
  },
  cases: {
    commit: {
      title: 'A prepared transaction that is committed',
      steps: {
        inject: [{ do: 'fault', fault: 'prepared-transaction', with: { end: 'commit', rows: 50 } }],
      },
    },
    rollback: {
      title: 'A prepared transaction that is rolled back',
      steps: {
        inject: [{ do: 'fault', fault: 'prepared-transaction', with: { end: 'rollback', rows: 50 } }],
      },
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab sql source "SELECT gid, prepared FROM pg_prepared_xacts"'],
});
