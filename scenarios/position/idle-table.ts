import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

const MIB = 1024 * 1024;
/** Ten seconds are usual, in which this neighbour writes everything. */
const OFTEN = { 'status.update.interval.ms': '500' };

export default defineScenario({
  title: 'An idle table beside a busy one',
  lesson:
    'The captured tables are idle, and a table beside them is written to. The slot sees all WAL of the server and needs ' +
    'none of it, but only the capture can say so. One that confirms a position only with a change of its own makes the ' +
    'server keep everything, until the disk is full.',
  cites: 'risingwavelabs/risingwave#16697',
  seedRows: 50,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [
      { kind: 'wal-retained', atMostBytes: 40 * MIB, why: 'an idle capture keeps no WAL from being removed' },
    ],
  },
  steps: {
    inject: [
      { do: 'stop-workload', as: 'main' },
      { do: 'fault', fault: 'write-beside', with: { megabytes: 64 } },
    ],
    hold: [],
    settle: [{ do: 'until-stalled', connector: 'capture', forMs: 2_000, withinMs: 10_000 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source', overrides: OFTEN },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'PASS' },
      because: 'it confirms the end of the WAL at each keepalive, if nothing is on the way',
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { ...OFTEN, 'textbook.mistakes': 'no-heartbeat' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'bound-exceeded', hop: 'capture' },
        follows: ['stalled'],
      },
      because: 'it confirms nothing while its own tables are idle',
      recover: [{ action: 'connectors-set', with: { connector: 'capture', remove: ['textbook.mistakes'] } }],
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab slot list', 'cdc-lab status'],
});
