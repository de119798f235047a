import { atSource, defineFailure, upgraded } from '../../harness/plugins/failure.ts';

/** Larger than 2 kB, so that PostgreSQL stores it out of line. */
const LARGE = "repeat('All work and no play. ', 400)";

export default defineFailure({
  title: 'A large value, and its update in the same batch',
  lesson:
    'One transaction inserts a row with a large value and updates another column of it. The insert has the value, the update ' +
    'a placeholder, and a sink that folds a batch by key keeps the last event alone. The value must come from the first.',
  cites: 'ingestr#805',
  inject: [
    atSource([
      `INSERT INTO documents (id, title, body) SELECT gen_random_uuid(), 'Folded', ${LARGE} FROM generate_series(1, 3)`,
      `UPDATE documents SET title = 'Folded, once', version = version + 1 WHERE title LIKE 'Folded%'`,
    ]),
  ],
  sound: {
    expect: { verdict: 'PASS' },
    because: 'when it folds two events of a key, the value of the first fills the gap of the second',
  },
  naive: {
    defects: { sink: ['writes-toast-placeholder'] },
    expect: { verdict: 'FAIL', finding: { class: 'corrupted', hop: 'sink', column: 'body' } },
    because: 'it keeps the last event of a key as it is, placeholder included',
    recover: upgraded('documents'),
  },
});
