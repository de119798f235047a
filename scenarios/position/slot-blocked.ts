import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'The creation of a slot is blocked',
  lesson:
    'Somebody has left a transaction open, in another database of the same server, and the capture is set up. Its slot ' +
    'cannot be created before that transaction ends: it would see only a part of it. A capture that waits without a word ' +
    'is RUNNING and captures nothing, and nobody knows which of a thousand sessions to end.',
  cites: 'estuary/connectors#4825',
  seedRows: 50,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: { inject: [], hold: [], settle: [] },
  lateProofs: [],
  cases: {
    xid: {
      steps: {
        inject: [
          { do: 'fault', fault: 'block-slot-creation', with: { by: 'transaction' } },
          { do: 'begin-again' },
        ],
        hold: [
          {
            do: 'until-named',
            connector: 'capture',
            says: 'pid [0-9]+ in database postgres.* for [0-9.]+ s: .*pg_current_xact_id',
            withinMs: 5_000,
          },
        ],
      },
    },
    prepared: {
      steps: {
        inject: [
          { do: 'fault', fault: 'block-slot-creation', with: { by: 'prepared' } },
          { do: 'begin-again' },
        ],
        hold: [
          {
            do: 'until-named',
            connector: 'capture',
            says: 'prepared transaction cdc-lab-.* in database postgres.* for [0-9.]+ s',
            withinMs: 5_000,
          },
        ],
      },
    },
  },
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'PASS' },
      because: 'it says which transaction it waits for, and since when, and goes on when that ends',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab logs capture'],
});
