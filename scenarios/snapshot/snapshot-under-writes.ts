import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

/** First in the list, so that its chunks are the first ones. */
const SETS = {
  list: 'public.accounts,public.customers,public.orders,public.order_items,public.documents',
  topics: ['accounts', 'customers', 'orders', 'order_items', 'documents']
    .map((table) => `@{prefix}.public.${table}`)
    .join(','),
};
const source = { 'snapshot.fetch.size': '50', 'table.include.list': SETS.list };
const sink = { file: 'sink', overrides: { topics: SETS.topics } };

export default defineScenario({
  title: 'Writes while a chunk of the snapshot is read',
  lesson:
    'Rows are changed after a chunk of the first snapshot has read them and before it is published. What the chunk says of ' +
    'them is old, and arrives late. A row of a snapshot has the position at which the snapshot was taken, so that every ' +
    'later change wins. A capture that gives it the time at which it is sent lets the old row win.',
  cites: 'apache/seatunnel#11556',
  seedRows: 20,
  // Its rows are not in the ledger: the application does not write to it.
  atSource: {
    sql: [
      'CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, version bigint NOT NULL DEFAULT 1)',
      'INSERT INTO accounts SELECT i, 0 FROM generate_series(1, 400) i',
    ],
    tables: [],
  },
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: { inject: [], hold: [], settle: [{ do: 'until-caught-up' }] },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source', overrides: source },
      sink,
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'PASS' },
      because:
        'its rows have the position of the snapshot, which is older than every change that it does not contain',
    },
  },
  cases: {
    updates: {
      title: 'Updates while a chunk of the snapshot is read',
      steps: {
        inject: [
          {
            do: 'fault',
            fault: 'write-under-snapshot',
            with: { chunks: 7, statements: ['UPDATE accounts SET balance = $n, version = version + 1'] },
          },
        ],
      },
      variants: {
        naive: {
          source: {
            file: 'source',
            engine: 'textbook',
            overrides: { ...source, 'textbook.mistakes': 'snapshot-overwrites' },
          },
          sink,
          workload: { kind: 'insert-only', rate: 20 },
          expect: { verdict: 'FAIL', finding: { class: 'stale', hop: 'capture' }, follows: ['order'] },
          because: 'it gives a row of the snapshot the end of the WAL as its position, and the old row wins',
          recover: [
            { action: 'connectors-set', with: { connector: 'capture', remove: ['textbook.mistakes'] } },
            { action: 'snapshot', with: { tables: ['accounts'] } },
          ],
        },
      },
    },
    deletes: {
      title: 'Deletes and changes of keys while a chunk of the snapshot is read',
      steps: {
        inject: [
          {
            do: 'fault',
            fault: 'write-under-snapshot',
            with: {
              chunks: 7,
              statements: [
                'DELETE FROM accounts WHERE id % 20 = $n',
                'UPDATE accounts SET id = id + 1000, version = version + 1 WHERE id % 20 = $n + 10 AND id < 1000',
              ],
            },
          },
        ],
      },
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab explain'],
});
