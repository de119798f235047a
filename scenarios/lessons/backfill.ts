import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

const WATERMARKS =
  'Debezium leaves out of a chunk what the stream changed between its two watermarks: no older image comes late';

export default defineScenario({
  title: 'Backfill',
  lesson:
    'Historical rows are inserted and live tables are read again while live writes go on. Business time is old, ' +
    'CDC time is now, and an image that was read early can arrive late. Compared by position it loses against ' +
    'the newer write; a sink where the last event to arrive wins puts the old image over it.',
  cites: 'GUIDE.md, lesson 5',
  trigger: 'backfill',
  seedRows: 500,
  defaults: { rows: 10_000, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [
      {
        kind: 'sink-count',
        sql: `SELECT count(*)::int8 AS n FROM orders
               WHERE created_at < now() - interval '30 days' AND _cdc_captured_at > now() - interval '1 day'`,
        atLeast: 1,
        breaks: { class: 'corrupted', hop: 'sink' },
        why: 'historical rows keep their business time, and carry the time of their capture beside it',
        where: { sink: 'ts' },
      },
      {
        kind: 'sink-count',
        sql: "SELECT count(*)::int8 AS n FROM orders WHERE created_at < now() - interval '30 days'",
        atLeast: 1,
        breaks: { class: 'corrupted', hop: 'sink' },
        why: 'historical rows keep their business time; the JDBC sink keeps no time of capture',
        where: { sink: 'jdbc' },
      },
    ],
  },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'hold-snapshot-chunk',
        with: { tables: ['public.customers', 'public.orders'] },
        where: { source: 'ts' },
      },
      // Debezium cannot be held between reading a chunk and publishing it; it reads them beside the live writes.
      {
        do: 'fault',
        fault: 'incremental-snapshot',
        with: { tables: ['public.customers', 'public.orders'] },
        where: { source: 'debezium' },
      },
    ],
    hold: [
      { do: 'start-workload', as: 'history', kind: 'backfill', rate: 0, transactions: null, rows: 'tunable' },
      { do: 'finish-workload', as: 'history' },
      { do: 'until-committed', transactions: 100 },
      // Nothing may repair what the late image spoils, so the live writes end before it is released.
      { do: 'stop-workload', as: 'main' },
      { do: 'until-caught-up' },
    ],
    settle: [],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'update-only', rate: 50 },
      expect: { verdict: 'PASS' },
      because: 'a position guard: an older image never overwrites a newer one',
      engines: {
        'ts+jdbc': {
          expect: { verdict: 'FAIL', finding: { class: 'stale', hop: 'sink' } },
          because:
            'the JDBC sink has no position guard: the late image overwrites the newer row, however it is set',
        },
        'debezium+ts': { because: WATERMARKS },
        'debezium+jdbc': { because: WATERMARKS },
      },
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink-unguarded' },
      workload: { kind: 'update-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'stale', hop: 'sink' }, follows: ['order'] },
      because: 'no position guard: the last event to arrive wins, however old its image',
      recover: [
        { action: 'connectors-set', with: { connector: 'sink', set: { 'dedup.mode': 'lsn' } } },
        { action: 'snapshot', with: { tables: ['customers', 'orders'] } },
      ],
      engines: {
        'ts+jdbc': {
          expect: { verdict: 'FAIL', finding: { class: 'stale', hop: 'sink' } },
          because: 'no position guard: the last event to arrive wins, however old its image',
        },
        'debezium+ts': { expect: { verdict: 'PASS' }, because: WATERMARKS },
        'debezium+jdbc': { expect: { verdict: 'PASS' }, because: WATERMARKS },
      },
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab sql sink "SELECT min(created_at), max(_cdc_captured_at) FROM orders"'],
});
