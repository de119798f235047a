import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'Duplicates from a second snapshot',
  lesson:
    'An operator asks for a snapshot again, or the connector has lost its offsets: every row comes a second time. ' +
    'Exactly-once delivery in Kafka does not help, since these are new events. N rows stay N rows in a sink that ' +
    'is idempotent; in one that inserts they become 2N.',
  cites: 'GUIDE.md, lesson 4',
  trigger: 'duplicate',
  seedRows: 500,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [{ kind: 'same-rows', why: 'a second snapshot of N rows leaves N rows' }],
  },
  steps: {
    inject: [
      // Without writes, every record that the topics grow by is the snapshot's.
      { do: 'stop-workload', as: 'main' },
      { do: 'until-caught-up' },
      { do: 'fault', fault: 'resnapshot', with: { type: 'blocking' } },
    ],
    hold: [{ do: 'until-caught-up' }],
    settle: [],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'mixed', rate: 50 },
      expect: { verdict: 'PASS' },
      because: 'an upsert by key: the same row again changes nothing',
      engines: {
        'ts+jdbc': {
          because: 'an upsert by key: the JDBC sink writes the same row over itself',
        },
        'debezium+ts': {
          because: 'a blocking snapshot of Debezium holds the stream, and its rows are the newest there are',
        },
        'debezium+jdbc': {
          because:
            'a blocking snapshot of Debezium holds the stream, and its rows are written over themselves',
        },
      },
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink-insert' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'duplicate', hop: 'sink' } },
      because: 'a row for each event: N rows become 2N',
      // Without a key the sink could not upsert; while it runs, more copies would come.
      recover: [
        { action: 'connectors-stop', with: { connector: 'sink' } },
        { action: 'dedupe', with: { table: 'customers', addKey: true } },
        { action: 'dedupe', with: { table: 'orders', addKey: true } },
        { action: 'dedupe', with: { table: 'order_items', addKey: true } },
        { action: 'dedupe', with: { table: 'documents', addKey: true } },
        {
          action: 'connectors-set',
          with: {
            connector: 'sink',
            set: {
              'insert.mode': 'upsert',
              'primary.key.mode': 'record_key',
              'delete.enabled': 'true',
              'truncate.enabled': 'true',
              'dedup.mode': 'lsn',
            },
          },
        },
        { action: 'connectors-resume', with: { connector: 'sink' } },
      ],
      engines: {
        'ts+jdbc': {
          because: 'insert.mode=insert without a key: N rows become 2N in the JDBC sink, too',
        },
        'debezium+ts': {
          because: 'a row for each event: N rows become 2N',
        },
        'debezium+jdbc': {
          because: 'insert.mode=insert without a key: N rows become 2N in the JDBC sink, too',
        },
      },
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab sql sink "SELECT count(*), count(DISTINCT id) FROM customers"'],
});
