import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';
import type { CrashPoint } from '../../pipeline/contract/crash-points.ts';

const killAt = (point: CrashPoint) => ({
  do: 'fault',
  fault: 'kill-at-crash-point',
  with: { worker: 'capture', point, skip: 20 },
});

export default defineScenario({
  title: 'Restart between two transactions',
  lesson:
    'The capture is killed when it has stored the end of a transaction, or when it has read the next one and published ' +
    'nothing of it. Either way, the first change that it receives after the start is new. A capture that takes it for ' +
    'the last one before the kill skips it.',
  cites: 'debezium/dbz#4152, debezium/dbz#4357, apache/flink-cdc#4323',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [],
    hold: [{ do: 'until-committed', transactions: 20 }],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  cases: {
    'after-begin': { steps: { inject: [killAt('capture.after-read')] } },
    'after-commit': { steps: { inject: [killAt('capture.after-offset-before-flush')] } },
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'PASS' },
      because: 'it counts changes from the beginning of their transaction, and skips whole transactions only',
      engines: {
        'debezium+jdbc': {
          notRun: 'Kafka Connect has no crash point: nobody can kill it between two given transactions',
        },
      },
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'textbook.mistakes': 'skips-first-change-after-resume' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
      because: 'it takes the first change after a restart for the last one before it',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
