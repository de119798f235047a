import { committed, defineFailure, fault, textbook } from '../../harness/plugins/failure.ts';
import type { CrashPoint } from '../../pipeline/contract/crash-points.ts';

const killAt = (point: CrashPoint) => fault('kill-at-crash-point', { worker: 'capture', point, skip: 20 });

export default defineFailure({
  title: 'Restart between two transactions',
  lesson:
    'The capture is killed when it has stored the end of a transaction, or when it has read the next one and published ' +
    'nothing of it. Either way, the first change that it receives after the start is new. A capture that takes it for ' +
    'the last one before the kill skips it.',
  cites: 'debezium/dbz#4152, debezium/dbz#4357, apache/flink-cdc#4323',
  seedRows: 100,
  workload: { kind: 'insert-only', rate: 50 },
  hold: [committed(20)],
  settle: [committed(20)],
  sound: {
    expect: { verdict: 'PASS' },
    because: 'it counts changes from the beginning of their transaction, and skips whole transactions only',
    engines: {
      'debezium+jdbc': {
        notRun: 'Kafka Connect has no crash point: nobody can kill it between two given transactions',
      },
    },
  },
  naive: {
    source: textbook('skips-first-change-after-resume'),
    expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
    because: 'it takes the first change after a restart for the last one before it',
  },
  cases: {
    'after-begin': { inject: [killAt('capture.after-read')] },
    'after-commit': { inject: [killAt('capture.after-offset-before-flush')] },
  },
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
