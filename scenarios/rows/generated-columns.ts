import { atSource, defineFailure } from '../../harness/plugins/failure.ts';

const boxes = (how: 'STORED' | 'VIRTUAL') => ({
  sql: [
    `CREATE TABLE boxes (id int PRIMARY KEY, width int NOT NULL, height int NOT NULL,
       area int GENERATED ALWAYS AS (width * height) ${how})`,
    'INSERT INTO boxes (id, width, height) SELECT i, i, i + 1 FROM generate_series(1, 50) i',
  ],
  tables: ['public.boxes'],
});

/** As the lab names it: a publication that exists, and has every table, is left as it is. */
const PUBLISHED = `DO $$ BEGIN EXECUTE format(
  'CREATE PUBLICATION %I FOR TABLE customers, orders, order_items, documents, debezium_signal, boxes
     WITH (publish_generated_columns = stored)', 'cdc_' || current_database()); END $$`;

export default defineFailure({
  title: 'Generated columns',
  lesson:
    'A table has a column that PostgreSQL computes. A snapshot reads it as any other; the replication stream has it only if it ' +
    'is stored and the publication says so, and a virtual one never. A copy that takes it from the snapshot and not from ' +
    'the stream is right for old rows and NULL for new ones.',
  cites: 'airbyte#45338; spiceai#11255',
  inject: [
    atSource(
      ['INSERT INTO boxes (id, width, height) SELECT i, i, 2 * i FROM generate_series(101, 120) i'],
      ['UPDATE boxes SET width = width + 1 WHERE id % 2 = 0'],
    ),
  ],
  sound: {
    expect: { verdict: 'PASS' },
    because: 'snapshot and stream carry the same columns, so that no row differs from another',
  },
  cases: {
    stored: { title: 'A stored generated column', atSource: boxes('STORED') },
    published: {
      title: 'A stored generated column that is published',
      atSource: { sql: [...boxes('STORED').sql, PUBLISHED], tables: ['public.boxes'] },
    },
    virtual: { title: 'A virtual generated column', atSource: boxes('VIRTUAL') },
  },
});
