import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'Two rows swap a unique value',
  lesson:
    'Two rows exchange a value in one statement. The sink has a UNIQUE index on it that the source ' +
    'has not, or checks only at COMMIT. Whichever row the sink writes first, the other still has the value, and it will at ' +
    'every retry. A sink has to stop and name the index; retried without an end, the error never shows.',
  cites: 'debezium#7801',
  seedRows: 200,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [
      {
        kind: 'stops-within',
        connector: 'sink',
        withinMs: 15_000,
        why: 'a retry cannot mend a violated index',
      },
    ],
  },
  steps: {
    inject: [{ do: 'fault', fault: 'swap-unique', with: {} }],
    hold: [{ do: 'until-stopped', connector: 'sink', withinMs: 15_000 }],
    settle: [],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'mixed', rate: 50 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'connector-failed', hop: 'sink' },
        stop: { code: 'CDC-2010', says: 'unique constraint "cdc_lab_swap"', withinMs: 15_000 },
      },
      because: 'it isolates the record that the index refuses, names the index, and stops',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs sink'],
});
