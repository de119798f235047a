import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'A stored position ahead of the slot',
  lesson:
    'The capture is killed after it has read a transaction, and before Kafka has it. A capture that stores its position ' +
    'first has one that is ahead of the slot, and of the topic. If it trusts it, the transaction is lost, although the ' +
    'slot still has it.',
  cites: 'debezium/dbz#3620, risingwavelabs/risingwave#14060',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'kill-at-crash-point',
        with: { worker: 'capture', point: 'capture.after-read', skip: 20 },
      },
    ],
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
      because: 'it stores a position only when Kafka has acknowledged everything before it',
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'textbook.mistakes': 'saves-before-publish' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
      because: 'it stores the position of a transaction before Kafka has it',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
