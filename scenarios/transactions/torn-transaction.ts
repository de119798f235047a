import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'One transaction on two topics',
  lesson:
    'An order and its items are written in one transaction, and travel on two topics. The sink is killed when it has ' +
    'written the order and not the items: until it has caught up, the sink shows half a transaction. A pipeline of ' +
    'topics does not promise more, and the verifier says so. That both halves arrive, it does promise.',
  cites: 'Debezium documentation, "Transaction metadata"',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [{ do: 'fault', fault: 'kill-between-tables', with: {} }],
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
      because: 'it commits the items together with their offset, so what it had not written comes again',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs sink'],
});
