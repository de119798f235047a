/**
 * `scenarios/rows`: what a single row, key, value or name can do to a pipeline.
 * In: nothing: a scenario is data.
 * Out: the SQL that is the failure, and the verdict that a sound and a naive pipeline must get.
 * Promises: each naive pipeline passes until that SQL runs, and then fails for one reason, which the scenario names.
 */

import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

const EMPTY = 'TRUNCATE notes';
/** Some keys are new, some are those of rows that the TRUNCATE removed. */
const REFILL = "INSERT INTO notes SELECT i, 'new ' || i FROM generate_series(31, 50) i";

export default defineScenario({
  title: 'TRUNCATE',
  lesson:
    'A table is emptied with TRUNCATE, which sends one event and none for its rows. New rows follow, in the same transaction ' +
    'or in the next one: they must stay, and the old ones must go. A sink that knows only rows keeps the old ones.',
  cites: 'supabase/etl#99',
  seedRows: 50,
  atSource: {
    sql: [
      'CREATE TABLE notes (id int PRIMARY KEY, body text NOT NULL)',
      "INSERT INTO notes SELECT i, 'old ' || i FROM generate_series(1, 40) i",
    ],
    tables: ['public.notes'],
  },
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [],
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
      because: 'it empties its copy, and keeps what was inserted after the TRUNCATE',
      engines: {
        'debezium+jdbc': {
          because:
            'with skipped.operations=none Debezium publishes the TRUNCATE, and the JDBC sink applies it in its place',
        },
      },
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      defects: { sink: ['ignores-truncate'] },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'FAIL', finding: { class: 'extra', hop: 'sink' }, follows: ['skipped'] },
      because: 'it applies rows only: those from before the TRUNCATE stay',
    },
  },
  cases: {
    'in-one-transaction': {
      title: 'TRUNCATE and inserts in one transaction',
      steps: {
        inject: [
          { do: 'fault', fault: 'run-statements', with: { on: 'source', transactions: [[EMPTY, REFILL]] } },
        ],
      },
    },
    'in-two-transactions': {
      title: 'TRUNCATE, then inserts in another transaction',
      steps: {
        inject: [
          { do: 'fault', fault: 'run-statements', with: { on: 'source', transactions: [[EMPTY], [REFILL]] } },
        ],
      },
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status'],
});
