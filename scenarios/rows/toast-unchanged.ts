import { atSource, defineFailure, upgraded } from '../../harness/plugins/failure.ts';

/** Larger than 2 kB, so that PostgreSQL stores it out of line. */
const LARGE = "repeat('All work and no play. ', 400)";

export default defineFailure({
  title: 'A large value that does not change',
  lesson:
    'A row with a value of several kB is updated in another column. The WAL does not hold the large value, which has not ' +
    'changed, and the event has a placeholder in its place. A sink that writes what it gets overwrites the text with it.',
  cites: 'airbyte#30518',
  inject: [
    atSource(
      [
        `INSERT INTO documents (id, title, body) SELECT gen_random_uuid(), 'Toast', ${LARGE} FROM generate_series(1, 3)`,
      ],
      [`UPDATE documents SET title = 'Toast, still', version = version + 1 WHERE title LIKE 'Toast%'`],
    ),
  ],
  sound: {
    expect: { verdict: 'PASS' },
    because: 'it knows the placeholder, and leaves the column as it is',
    engines: {
      'debezium+jdbc': {
        because:
          'under the replica identity FULL that the lab sets for this sink, no event has a placeholder',
      },
    },
  },
  naive: {
    defects: { sink: ['writes-toast-placeholder'] },
    expect: { verdict: 'FAIL', finding: { class: 'corrupted', hop: 'sink', column: 'body' } },
    because: 'it writes the placeholder over the value',
    recover: upgraded('documents'),
  },
});
