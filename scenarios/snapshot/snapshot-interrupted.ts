import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'The source restarts in the first snapshot',
  lesson:
    'The source is killed while a chunk of the first snapshot is read and not yet published, and starts again. The ' +
    'snapshot that the capture had open is gone. A capture that has stored how far it came goes on there, in a new ' +
    'snapshot. One that begins again sends rows twice, and a sink without a key then has them twice.',
  cites: 'MaterializeInc/materialize#18329, MaterializeInc/materialize#19485',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      { do: 'stop-workload', as: 'main' },
      { do: 'until-caught-up' },
      // A sink without a key would have the rows of the topics, and those of the snapshot.
      { do: 'fault', fault: 'first-snapshot', with: { holdAfterChunks: 2, emptyTopics: true } },
      { do: 'fault', fault: 'kill-service', with: { service: 'pg-source' } },
    ],
    hold: [],
    settle: [{ do: 'until-caught-up' }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source', overrides: { 'snapshot.fetch.size': '50' } },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'PASS' },
      because:
        'it stores the key of the last row of each chunk that Kafka has, and says that it goes on from there',
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'snapshot.fetch.size': '50', 'textbook.mistakes': 'forgets-snapshot-progress' },
      },
      sink: { file: 'sink-insert' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'FAIL', finding: { class: 'duplicate', hop: 'capture' } },
      because: 'it begins the snapshot again, and a sink without a key adds the rows that it had',
      recover: [
        { action: 'connectors-set', with: { connector: 'capture', remove: ['textbook.mistakes'] } },
        // Without a key the sink could not upsert; while it runs, more copies would come.
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
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
