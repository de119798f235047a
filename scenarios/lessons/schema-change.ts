import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'Schema change',
  lesson:
    'Somebody adds a column with a default, and the people downstream do not know. Old rows take the default ' +
    'without an event of their own; new events carry the column. A sink that follows the schema has it in every ' +
    'row. One with a fixed column list drops the value without a word, and row counts stay equal.',
  cites: 'GUIDE.md, lesson 3',
  trigger: 'schema',
  seedRows: 200,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'alter-table',
        with: { table: 'customers', column: 'tier', definition: "text NOT NULL DEFAULT 'standard'" },
      },
    ],
    hold: [
      { do: 'start-workload', as: 'tiered', kind: 'tiered', rate: 100, transactions: 100 },
      { do: 'finish-workload', as: 'tiered' },
    ],
    settle: [],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'mixed', rate: 50 },
      expect: { verdict: 'PASS' },
      because: 'schema.evolution=basic adds the column, with the default that old rows have',
      engines: {
        'ts+jdbc': {
          because: 'the JDBC sink adds the column from the event’s schema, its default included',
        },
        'debezium+ts': {
          because: 'Debezium reads the default from the catalogue, and its event’s schema carries it',
        },
        'debezium+jdbc': {
          because: 'the event’s schema carries the default, and the JDBC sink adds the column with it',
        },
      },
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink-fixed-columns' },
      workload: { kind: 'mixed', rate: 50 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'corrupted', hop: 'sink', column: 'tier' },
        follows: ['schema'],
      },
      because: 'a fixed column list: the new value is dropped without an error',
      recover: [
        { action: 'connectors-set', with: { connector: 'sink', remove: ['field.include.list'] } },
        { action: 'snapshot', with: { tables: ['customers'] } },
      ],
      engines: {
        'ts+jdbc': {
          because: 'field.include.list of the JDBC sink drops the new value, too',
        },
        'debezium+ts': {
          because: 'a fixed column list: the new value is dropped without an error',
        },
        'debezium+jdbc': {
          because: 'field.include.list of the JDBC sink drops the new value, too',
        },
      },
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab sql sink "SELECT tier, count(*) FROM customers GROUP BY tier"'],
});
