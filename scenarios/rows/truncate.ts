/**
 * `scenarios/rows`: what a single row, key, value or name can do to a pipeline.
 * In: nothing: a scenario is data.
 * Out: the SQL that is the failure, and the verdict that a sound and a naive pipeline must get.
 * Promises: each naive pipeline passes until that SQL runs, and then fails for one reason, which the scenario names.
 */

import { atSource, defineFailure, repaired, upgraded } from '../../harness/plugins/failure.ts';

const EMPTY = 'TRUNCATE notes';
/** Some keys are new, some are those of rows that the TRUNCATE removed. */
const REFILL = "INSERT INTO notes SELECT i, 'new ' || i FROM generate_series(31, 50) i";

export default defineFailure({
  title: 'TRUNCATE',
  lesson:
    'A table is emptied with TRUNCATE, which sends one event and none for its rows. New rows follow, in the same transaction ' +
    'or in the next one: they must stay, and the old ones must go. A sink that knows only rows keeps the old ones.',
  cites: 'supabase/etl#99',
  atSource: {
    sql: [
      'CREATE TABLE notes (id int PRIMARY KEY, body text NOT NULL)',
      "INSERT INTO notes SELECT i, 'old ' || i FROM generate_series(1, 40) i",
    ],
    tables: ['public.notes'],
  },
  sound: {
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
    defects: { sink: ['ignores-truncate'] },
    expect: { verdict: 'FAIL', finding: { class: 'extra', hop: 'sink' }, follows: ['skipped'] },
    because: 'it applies rows only: those from before the TRUNCATE stay',
    // A snapshot has no event for a row that is gone.
    recover: [...upgraded(), ...repaired('notes')],
  },
  cases: {
    'in-one-transaction': {
      title: 'TRUNCATE and inserts in one transaction',
      inject: [atSource([EMPTY, REFILL])],
    },
    'in-two-transactions': {
      title: 'TRUNCATE, then inserts in another transaction',
      inject: [atSource([EMPTY], [REFILL])],
    },
  },
});
