import { atSource, defineFailure, repaired, upgraded } from '../../harness/plugins/failure.ts';

export default defineFailure({
  title: 'A primary key is updated',
  lesson:
    'An UPDATE changes a primary key. For a consumer that knows rows by their key this is two events: the old row is gone, ' +
    'and a new one is there. A capture that sends the new row alone leaves the old key behind in every copy.',
  cites: 'estuary/connectors#2185',
  inject: [
    atSource(
      [
        `INSERT INTO customers (id, email, name)
        SELECT gen_random_uuid(), 'moves@example.org', 'Moves ' || i FROM generate_series(1, 5) i`,
      ],
      [
        `UPDATE customers SET id = gen_random_uuid(), version = version + 1
         WHERE email = 'moves@example.org'`,
      ],
    ),
  ],
  sound: {
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
    defects: { capture: ['key-change-drops-delete'] },
    expect: { verdict: 'FAIL', finding: { class: 'extra', hop: 'capture' } },
    because: 'it publishes the new row alone: the old key stays',
    // A snapshot has no event for a row that is gone.
    recover: [...upgraded(), ...repaired('customers')],
  },
});
