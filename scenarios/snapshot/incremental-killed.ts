import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'A kill in the middle of an ordered snapshot',
  lesson:
    'Rows are missing in the sink, and an incremental snapshot is to bring them back. The capture is killed when 30 % of it ' +
    'are published. What is left to read has to be stored with the position: a capture that keeps the order in memory ' +
    'streams on after its restart, and nobody is told that most rows never came.',
  cites: 'debezium/dbz#7738',
  seedRows: 300,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'run-statements',
        with: { on: 'sink', transactions: [['DELETE FROM order_items']] },
      },
      {
        do: 'fault',
        fault: 'kill-in-incremental',
        with: { table: 'public.order_items', percent: 30, chunkRows: 50 },
      },
    ],
    hold: [{ do: 'until-committed', transactions: 20 }],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source', overrides: { 'snapshot.fetch.size': '50' } },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'PASS' },
      because: 'the ordered snapshot, and how far it came, is part of its stored offset',
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'snapshot.fetch.size': '50', 'textbook.mistakes': 'forgets-incremental' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      // The topic has the rows, from when they were written: it is the sink that lost them.
      expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'sink' } },
      because: 'it keeps the ordered snapshot in memory, and has forgotten it after the kill',
      recover: [
        { action: 'connectors-set', with: { connector: 'capture', remove: ['textbook.mistakes'] } },
        { action: 'snapshot', with: { tables: ['order_items'] } },
      ],
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors offsets capture', 'cdc-lab logs capture'],
});
