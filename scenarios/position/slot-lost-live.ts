import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';
import { CRASH_POINTS } from '../../pipeline/contract/crash-points.ts';

export default defineScenario({
  title: 'The slot is lost under a live capture',
  lesson:
    'The capture waits and acknowledges nothing, while the WAL passes max_slot_wal_keep_size. At the next checkpoint the ' +
    'server ends its session (57P01) and gives up the slot. To the capture this looks like any lost connection. One that ' +
    'takes every error for a lost connection tries for ever, and says RUNNING.',
  cites: 'spiceai/spiceai#12018, spiceai/spiceai#13221',
  seedRows: 50,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [
      {
        kind: 'stops-within',
        connector: 'capture',
        withinMs: 10_000,
        why: 'no new connection brings the WAL back',
      },
      { kind: 'writer-ok', why: 'a slot that is given up is no reason for a write to fail' },
    ],
  },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'hold-at-crash-point',
        with: { worker: 'capture', point: CRASH_POINTS.afterOffsetBeforeFlush },
      },
      { do: 'until-committed', transactions: 20 },
      { do: 'fault', fault: 'pass-wal-bound', with: { megabytes: 32 } },
    ],
    hold: [],
    settle: [{ do: 'until-stopped', connector: 'capture', withinMs: 10_000 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'connector-failed', hop: 'capture' },
        follows: ['slot-lost', 'missing', 'orphan'],
        stop: { code: 'CDC-1103', withinMs: 10_000 },
      },
      because: 'it connects again, finds its slot lost, and stops',
      recover: [{ action: 'slot-recreate' }],
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'textbook.mistakes': 'reconnects-for-ever' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'silent', hop: 'capture' },
        follows: ['slot-lost', 'missing', 'orphan'],
      },
      because: 'it connects again and again, and is RUNNING all the while',
      recover: [
        { action: 'connectors-stop', with: { connector: 'capture' } },
        { action: 'connectors-set', with: { connector: 'capture', remove: ['textbook.mistakes'] } },
        { action: 'slot-recreate' },
      ],
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab slot list', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
