import { committed, defineFailure, fault, textbook } from '../../harness/plugins/failure.ts';

export default defineFailure({
  title: 'Offsets lost, slot kept',
  lesson:
    'The stored offsets of the capture are deleted while its slot remains, as after an offsets topic was lost or a ' +
    'connector was renamed. Without a position nobody knows what the topics hold, so all rows are read again. A capture ' +
    'that starts at the end of the WAL instead skips what was committed in between.',
  cites: 'debezium/dbz#1220, Altinity/clickhouse-sink-connector#1185',
  seedRows: 100,
  workload: { kind: 'insert-only', rate: 50 },
  inject: [fault('lose-offsets', { transactions: 20 })],
  hold: [],
  settle: [committed(20)],
  sound: {
    expect: { verdict: 'PASS' },
    because: 'it takes a new snapshot, and streams from where the slot is',
  },
  naive: {
    source: textbook('resumes-now'),
    expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
    because: 'it starts at the end of the WAL if its position is gone',
  },
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
