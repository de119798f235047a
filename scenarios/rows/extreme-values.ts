import { atSource, defineFailure, upgraded } from '../../harness/plugins/failure.ts';

const TABLE = {
  sql: [
    'CREATE TABLE extremes (id serial PRIMARY KEY, d date, at timestamptz, n numeric, f double precision)',
    "INSERT INTO extremes (d, at, n, f) VALUES ('2000-01-01', '2000-01-01', 1, 1)",
  ],
  tables: ['public.extremes'],
};
const rows = (values: readonly (readonly string[])[]) =>
  atSource(values.map((row) => `INSERT INTO extremes (d, at, n, f) VALUES (${row.join(', ')})`));

export default defineFailure({
  title: 'Values at the ends of their types',
  lesson:
    'Values that are legal in PostgreSQL and rare elsewhere: infinity in dates and numbers, NaN, the year 1 and years before ' +
    'Christ, numbers of hundreds of digits. Each must arrive as it is, or stop the pipeline with table and column.',
  cites: 'dbz#7537; risingwave#16395',
  sound: {
    expect: { verdict: 'PASS' },
    because: 'values travel as PostgreSQL writes them, not through types that are narrower',
  },
  cases: {
    amounts: {
      title: 'Amounts of more digits than a float has',
      inject: [
        atSource([
          `INSERT INTO orders (id, customer_id, amount)
          SELECT gen_random_uuid(), (SELECT id FROM customers LIMIT 1), 98765432.19 + i FROM generate_series(1, 5) i`,
        ]),
      ],
      naive: {
        defects: { capture: ['numeric-through-float'] },
        expect: { verdict: 'FAIL', finding: { class: 'corrupted', hop: 'capture', column: 'amount' } },
        because: 'it converts amounts to a single-precision float, which has seven digits',
        recover: upgraded('orders'),
      },
    },
    infinities: {
      title: 'Infinite dates and floats, and NaN',
      atSource: TABLE,
      inject: [
        rows([
          ["'infinity'", "'infinity'", '1', "'Infinity'"],
          ["'-infinity'", "'-infinity'", '1', "'-Infinity'"],
          ["'2000-01-01'", "'2000-01-01'", '1', "'NaN'"],
        ]),
      ],
    },
    'infinite-numeric': {
      title: 'A numeric that is infinite, which the Decimal of Kafka Connect cannot be',
      atSource: TABLE,
      inject: [rows([["'2000-01-01'", "'2000-01-01'", "'Infinity'", '1']])],
      hold: [],
      settle: [{ do: 'until-stopped', connector: 'capture', withinMs: 20_000 }],
      sound: {
        expect: {
          verdict: 'FAIL',
          finding: { class: 'connector-failed', hop: 'capture' },
          stop: { code: 'CDC-1303', says: 'Column n of public\\.extremes: .', withinMs: 20_000 },
        },
        because: 'it stops, and names table, column and the kind of value',
      },
    },
    'far-dates': {
      title: 'The year 1, years before Christ, and the last years',
      atSource: TABLE,
      inject: [
        rows([
          ["'0001-01-01'", "'0001-01-01 00:00:00.000001'", '1', '1'],
          ["'4713-01-01 BC'", "'4713-01-01 00:00:00 BC'", '1', '1'],
          ["'5874897-12-31'", "'294276-12-31 23:59:59.999999'", '1', '1'],
        ]),
      ],
    },
    'many-digits': {
      title: 'Numbers of a thousand digits',
      atSource: TABLE,
      inject: [
        rows([
          ["'2000-01-01'", "'2000-01-01'", "repeat('9', 1000)::numeric", '1.7976931348623157e308'],
          ["'2000-01-01'", "'2000-01-01'", "('0.' || repeat('3', 1000))::numeric", '5e-324'],
        ]),
      ],
    },
  },
});
