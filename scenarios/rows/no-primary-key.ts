import { committed, defineFailure, fault } from '../../harness/plugins/failure.ts';

export default defineFailure({
  title: 'A table without a key comes twice',
  lesson:
    'The capture dies after Kafka has acknowledged its records and sends them again, among them rows of a table that has no ' +
    'primary key. There is no key by which to write the same row over itself: only the position of each event tells a ' +
    'row that came twice from two rows that are equal.',
  cites: 'matrixone#28558',
  // Every transaction of the workload leaves readings, so that each one that comes again has rows without a key.
  atSource: {
    sql: [
      'CREATE TABLE readings (at timestamptz NOT NULL, value int NOT NULL)',
      // Without a key, the capture puts no table into its publication whose updates would then fail.
      'ALTER TABLE readings REPLICA IDENTITY FULL',
      // Equal rows of a snapshot, which all have one position, are rows of their own, too.
      "INSERT INTO readings SELECT '2000-01-01', i % 5 FROM generate_series(1, 20) i",
      `CREATE FUNCTION read() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN INSERT INTO readings VALUES (now(), 1), (now(), 1); RETURN NULL; END'`,
      'CREATE TRIGGER read AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION read()',
      'CREATE TRIGGER read AFTER INSERT ON documents FOR EACH ROW EXECUTE FUNCTION read()',
    ],
    tables: ['public.readings'],
  },
  workload: { kind: 'insert-only', rate: 50 },
  inject: [
    fault('kill-at-crash-point', {
      worker: 'capture',
      point: 'capture.after-produce-before-ack',
      skip: 0,
    }),
  ],
  hold: [committed(50)],
  settle: [committed(20)],
  lateProofs: [{ kind: 'redelivered', atLeast: 1 }],
  sound: {
    sink: { file: 'sink-insert', overrides: { 'dedup.mode': 'table' } },
    expect: { verdict: 'PASS' },
    because: 'it remembers the position of each event that it has applied, and leaves out what comes again',
  },
  naive: {
    sink: { file: 'sink-insert' },
    expect: {
      verdict: 'FAIL',
      finding: { class: 'duplicate', hop: 'sink', table: 'public.readings' },
      follows: ['duplicate'],
    },
    because: 'it inserts a row for each event: what comes twice is there twice',
    // Nothing tells the copies of a row without a key from rows that are equal: all are read again, into empty tables.
    recover: [
      { action: 'connectors-set', with: { connector: 'sink', set: { 'dedup.mode': 'table' } } },
      {
        action: 'sql',
        with: { side: 'sink', statement: 'TRUNCATE customers, orders, order_items, documents, readings' },
      },
      {
        action: 'snapshot',
        with: { tables: ['customers', 'orders', 'order_items', 'documents', 'readings'], blocking: true },
      },
    ],
  },
  lookAt: ['cdc-lab status', 'cdc-lab sql sink "SELECT count(*) FROM readings"'],
});
