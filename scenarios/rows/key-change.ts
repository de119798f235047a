import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'A primary key is updated',
  lesson:
    'An UPDATE changes a primary key. For a consumer that knows rows by their key this is two events: the old row is gone, ' +
    'and a new one is there. A capture that sends the new row alone leaves the old key behind in every copy.',
  cites: 'estuary/connectors#2185',
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
              `INSERT INTO customers (id, email, name)
        SELECT gen_random_uuid(), 'moves@example.org', 'Moves ' || i FROM generate_series(1, 5) i`,
            ],
            [
              `UPDATE customers SET id = gen_random_uuid(), version = version + 1
         WHERE email = 'moves@example.org'`,
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
      because: 'it publishes a delete of the old key and a create of the new one',
      engines: {
        'debezium+jdbc': {
          because:
            'Debezium publishes a delete of the old key and a create of the new one, and the JDBC sink applies both',
        },
      },
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      defects: { capture: ['key-change-drops-delete'] },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'FAIL', finding: { class: 'extra', hop: 'capture' } },
      because: 'it publishes the new row alone: the old key stays',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status'],
});
