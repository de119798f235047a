import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'A migration between two chunks of the snapshot',
  lesson:
    'A column is added, and every row gets a value, while the first snapshot is between two chunks. What the snapshot reads ' +
    'has the table as it was, and the stream has it as it is. A capture that looks at its tables once, when it starts, ' +
    'never has the new column in an event.',
  cites: 'debezium/dbz#7850',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'alter-in-snapshot',
        with: { table: 'orders', column: 'channel', definition: 'text', value: "'web'" },
      },
    ],
    hold: [],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source', overrides: { 'snapshot.fetch.size': '50' } },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'PASS' },
      because:
        'it has its tables locked against DDL while it reads them, and looks again where the stream says that one is new',
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'snapshot.fetch.size': '50', 'textbook.mistakes': 'keeps-first-columns' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'corrupted', hop: 'capture', column: 'channel' },
        follows: ['schema'],
      },
      because: 'it knows only the columns that its tables had when it started',
      recover: [
        { action: 'connectors-set', with: { connector: 'capture', remove: ['textbook.mistakes'] } },
        { action: 'snapshot', with: { tables: ['orders'] } },
      ],
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab sql sink "SELECT * FROM orders LIMIT 3"'],
});
