import { defineFailure, fault } from '../../harness/plugins/failure.ts';

const WITHIN_MS = 15_000;

export default defineFailure({
  title: 'Two rows swap a unique value',
  lesson:
    'Two rows exchange a value in one statement. The sink has a UNIQUE index on it that the source ' +
    'has not, or checks only at COMMIT. Whichever row the sink writes first, the other still has the value, and it will at ' +
    'every retry. A sink has to stop and name the index; retried without an end, the error never shows.',
  cites: 'debezium#7801',
  seedRows: 200,
  workload: { kind: 'mixed', rate: 50 },
  clauses: [
    {
      kind: 'stops-within',
      connector: 'sink',
      withinMs: WITHIN_MS,
      why: 'a retry cannot mend a violated index',
    },
  ],
  inject: [fault('swap-unique')],
  hold: [{ do: 'until-stopped', connector: 'sink', withinMs: WITHIN_MS }],
  sound: {
    expect: {
      verdict: 'FAIL',
      finding: { class: 'connector-failed', hop: 'sink' },
      stop: { code: 'CDC-2010', says: 'unique constraint "cdc_lab_swap"', withinMs: WITHIN_MS },
    },
    because: 'it isolates the record that the index refuses, names the index, and stops',
  },
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs sink'],
});
