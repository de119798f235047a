import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'The slot is lost',
  lesson:
    'The capture is down for so long that the WAL which its slot needs passes max_slot_wal_keep_size: a day in small. The ' +
    'server removes that WAL, and gives up the slot. What was in it is in no slot any more. A capture that makes a new ' +
    'slot and goes on is RUNNING, and lacks those rows for ever.',
  cites: 'MaterializeInc/materialize max-slot-wal-keep-size.td; seed 002 Q4',
  seedRows: 50,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [
      {
        kind: 'stops-within',
        connector: 'capture',
        withinMs: 20_000,
        why: 'a lost slot is an error at the start',
      },
      { kind: 'writer-ok', why: 'a slot that is given up is no reason for a write to fail' },
    ],
  },
  steps: {
    inject: [
      { do: 'fault', fault: 'kill-service', with: { service: 'capture' } },
      { do: 'until-committed', transactions: 20 },
      { do: 'fault', fault: 'pass-wal-bound', with: { megabytes: 32 } },
    ],
    hold: [{ do: 'until-committed', transactions: 20 }],
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
        stop: { code: 'CDC-1103', says: 'wal_removed', withinMs: 10_000 },
      },
      because: 'it finds its slot lost, says why, and does not start',
      recover: [{ action: 'slot-recreate' }],
    },
    naive: {
      source: { file: 'source', engine: 'textbook', overrides: { 'textbook.mistakes': 'recreates-slot' } },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'missing', hop: 'capture' },
        follows: ['silent', 'orphan'],
      },
      because: 'it makes a new slot, which begins after the rows that were lost',
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
