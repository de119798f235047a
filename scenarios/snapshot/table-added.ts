import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

const TOPICS = ['customers', 'orders', 'order_items', 'documents', 'readings'];
const topics = TOPICS.map((table) => `@{prefix}.public.${table}`).join(',');

export default defineScenario({
  title: 'A table is added to a running capture',
  lesson:
    'A table that has rows already is added to the list of a capture that runs. The stream has what is written to it from ' +
    'now on, and none of its rows from before: they need a snapshot, of this table alone, while all others stream on.',
  cites: 'Debezium FAQ',
  seedRows: 60,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'run-statements',
        with: {
          on: 'source',
          transactions: [
            [
              'CREATE TABLE readings (id int PRIMARY KEY, value numeric(10,2) NOT NULL)',
              'INSERT INTO readings SELECT i, i FROM generate_series(1, 500) i',
            ],
          ],
        },
      },
      { do: 'fault', fault: 'capture-table', with: { table: 'public.readings' } },
    ],
    hold: [
      { do: 'until-committed', transactions: 20 },
      { do: 'until-caught-up' },
      {
        do: 'fault',
        fault: 'run-statements',
        with: {
          on: 'source',
          transactions: [['INSERT INTO readings SELECT i, i FROM generate_series(501, 510) i']],
        },
      },
    ],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink', overrides: { topics } },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'PASS' },
      because: 'it takes a snapshot of what it adds to its publication, and has stored so before it adds it',
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'textbook.mistakes': 'ignores-new-tables' },
      },
      sink: { file: 'sink', overrides: { topics } },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture', table: 'public.readings' } },
      because: 'it streams the new table, and takes no snapshot of it',
      recover: [
        { action: 'connectors-set', with: { connector: 'capture', remove: ['textbook.mistakes'] } },
        { action: 'snapshot', with: { tables: ['readings'] } },
      ],
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors config capture'],
});
