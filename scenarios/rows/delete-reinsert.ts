import { atSource, defineFailure, upgraded } from '../../harness/plugins/failure.ts';

const IDS = [1, 2, 3].map((n) => `4e110000-0000-4000-8000-00000000000${n}`);
/** Triggered again, it replaces the row of the time before. */
const insert = (id: string, name: string): string =>
  `INSERT INTO customers (id, email, name) VALUES ('${id}', 'again@example.org', '${name}')
   ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = customers.version + 1`;

export default defineFailure({
  title: 'A key is deleted and inserted again',
  lesson:
    'One transaction deletes a row and inserts another one under the same key. Both events come in one batch, and the order is ' +
    'all that tells the row that was from the row that is. A sink that collects the deletes of a batch and runs them ' +
    'last deletes the new row.',
  cites: 'kafka-connect-jdbc#1562',
  inject: [
    atSource(
      IDS.map((id) => insert(id, 'First')),
      [`DELETE FROM customers WHERE email = 'again@example.org'`, ...IDS.map((id) => insert(id, 'Second'))],
    ),
  ],
  sound: {
    expect: { verdict: 'PASS' },
    because: 'it folds a batch by key in the order of the log: the insert is what stays',
    engines: {
      'debezium+jdbc': {
        because:
          'the JDBC sink writes what it holds of upserts before a delete, and the reverse: the insert is what stays',
      },
    },
  },
  naive: {
    defects: { sink: ['deletes-last'] },
    expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'sink' } },
    because: 'it runs the deletes of a batch last, after the inserts that followed them',
    recover: upgraded('customers'),
  },
});
