import { atSource, defineFailure, upgraded } from '../../harness/plugins/failure.ts';

const PREFIX = '5e1f0000-0000-4000-8000-';
const key = (n: string): string => `('${PREFIX}' || lpad((${n})::text, 12, '0'))::uuid`;

/**
 * Written in descending order, so that no row meets a key that is still taken; triggered again, far above the rows of the
 * time before.
 */
const ROWS = `INSERT INTO customers (id, email, name)
  SELECT ${key('top.n + i')}, 'shift@example.org', 'Shift ' || i
    FROM generate_series(9, 1, -1) i,
         (SELECT coalesce(max(right(id::text, 12)::bigint), 0) + 100 AS n
            FROM customers WHERE email = 'shift@example.org') top`;
const SHIFT = `UPDATE customers SET id = ${key('right(id::text, 12)::bigint + 1')}, version = version + 1
  WHERE email = 'shift@example.org'`;

export default defineFailure({
  title: 'Keys are shifted by one',
  lesson:
    'Every key moves up by one: 3 becomes 4, 2 becomes 3, 1 becomes 2. The delete of each old key has the same key as the ' +
    'row that moves into its place. Whoever applies deletes after rows, or out of order, deletes the rows that moved.',
  cites: 'risingwave#12026',
  inject: [atSource([ROWS], [SHIFT])],
  sound: {
    expect: { verdict: 'PASS' },
    because: 'it folds a batch by key in the order of the log: the row that moved in is what stays',
  },
  naive: {
    defects: { sink: ['deletes-last'] },
    expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'sink' } },
    because: 'it runs the deletes of a batch last, and so deletes the rows that moved into the old keys',
    recover: upgraded('customers'),
  },
});
