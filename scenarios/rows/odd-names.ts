import { atSource, defineFailure } from '../../harness/plugins/failure.ts';

const TABLES = ['Mixed Case', 'user', 'User', 'dotted.name', 'with"quote', 'emoji 🎈', 'l'.repeat(63)];
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export default defineFailure({
  title: 'Odd names',
  lesson:
    'Tables and columns have names that SQL takes only in quotes: upper case, blanks, dots, quotes, an emoji, a reserved word, ' +
    'as many bytes as PostgreSQL allows. Each is legal, and each has broken a pipeline that wrote its SQL by ' +
    'putting texts together.',
  cites: 'Debezium FAQ',
  atSource: {
    sql: TABLES.flatMap((name) => [
      `CREATE TABLE ${quoted(name)} (id int PRIMARY KEY, "Group By" text, "a ""quoted"" name 🎈" int)`,
      `INSERT INTO ${quoted(name)} SELECT i, 'old', i FROM generate_series(1, 20) i`,
    ]),
    tables: TABLES.map((name) => `public.${name}`),
  },
  inject: [
    atSource(
      TABLES.map((name) => `INSERT INTO ${quoted(name)} SELECT i, 'new', i FROM generate_series(101, 110) i`),
      TABLES.map((name) => `UPDATE ${quoted(name)} SET "Group By" = 'changed' WHERE id % 2 = 0`),
      TABLES.map((name) => `DELETE FROM ${quoted(name)} WHERE id % 5 = 0`),
    ),
  ],
  sound: {
    expect: { verdict: 'PASS' },
    because: 'it quotes every name, and takes each as it is',
  },
});
