import { committed, defineFailure, fault, textbook } from '../../harness/plugins/failure.ts';

const OFTEN = { 'status.update.interval.ms': '100' };

export default defineFailure({
  title: 'Keepalives inside a transaction',
  lesson:
    'The source answers status updates while it still sends a large transaction, and such a keepalive names the end of ' +
    'its WAL. That is behind rows which are still to come. A capture that stores it as its position, and skips rows ' +
    'before its position when it resumes, loses the rest of the transaction if it is killed now.',
  cites: 'apache/seatunnel#11864',
  seedRows: 100,
  workload: { kind: 'insert-only', rate: 50 },
  inject: [fault('kill-in-transaction', { rows: 8000, rowBytes: 4000, replies: 3 })],
  hold: [],
  settle: [committed(20)],
  sound: {
    source: { overrides: OFTEN },
    expect: { verdict: 'PASS' },
    because: 'its position is the end of a transaction that Kafka has, so the whole transaction comes again',
  },
  naive: {
    source: textbook('stores-wal-end', OFTEN),
    expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
    because: 'it stores the end of the WAL at each keepalive, and skips rows before it when it resumes',
  },
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
