import { defineScenario, LESSON_DEADLINES_MS } from '../harness/runner/scenario.ts';

export default defineScenario({
  title: 'Backfill',
  lesson:
    'Historical rows are inserted and live tables are read again while live writes go on. Business time is old, ' +
    'CDC time is now, and an image that was read early can arrive late. Compared by position it loses against ' +
    'the newer write; a sink where the last event to arrive wins puts the old image over it.',
  cites: 'FAILURES.md, the five lessons: backfill; also 10 and 11',
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
        why: 'historical rows keep their business time, and carry the time of their capture beside it',
      },
    ],
  },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'hold-snapshot-chunk',
        with: { tables: ['public.customers', 'public.orders'] },
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
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink-unguarded' },
      workload: { kind: 'update-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'stale', hop: 'sink' } },
      because: 'no position guard: the last event to arrive wins, however old its image',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab sql sink "SELECT min(created_at), max(_cdc_captured_at) FROM orders"'],
});
