import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'The source restarts in the first snapshot',
  lesson:
    'The source is killed while a chunk of the first snapshot is read and not yet published, and starts again. The ' +
    'snapshot that the capture had open is gone. A capture that has stored how far it came goes on there, in a new ' +
    'snapshot. One that begins again sends rows twice.',
  cites: 'MaterializeInc/materialize#18329, MaterializeInc/materialize#19485',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      { do: 'stop-workload', as: 'main' },
      { do: 'until-caught-up' },
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
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
