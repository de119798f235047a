import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

/** Larger than 2 kB, so that PostgreSQL stores it out of line. */
const LARGE = "repeat('All work and no play. ', 400)";

export default defineScenario({
  title: 'A large value, and its update in the same batch',
  lesson:
    'One transaction inserts a row with a large value and updates another column of it. The insert has the value, the update ' +
    'a placeholder, and a sink that folds a batch by key keeps the last event alone. The value must come from the first.',
  cites: 'ingestr#805',
  seedRows: 50,
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
              `INSERT INTO documents (id, title, body) SELECT gen_random_uuid(), 'Folded', ${LARGE} FROM generate_series(1, 3)`,
              `UPDATE documents SET title = 'Folded, once', version = version + 1 WHERE title LIKE 'Folded%'`,
            ],
          ],
        },
      },
    ],
    hold: [{ do: 'until-committed', transactions: 10 }],
    settle: [],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'PASS' },
      because: 'when it folds two events of a key, the value of the first fills the gap of the second',
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      defects: { sink: ['writes-toast-placeholder'] },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'FAIL', finding: { class: 'corrupted', hop: 'sink', column: 'body' } },
      because: 'it keeps the last event of a key as it is, placeholder included',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status'],
});
