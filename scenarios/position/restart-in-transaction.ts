import { committed, defineFailure, fault, textbook } from '../../harness/plugins/failure.ts';

export default defineFailure({
  title: 'Restart inside a transaction',
  lesson:
    'The capture is killed in the middle of a transaction that a COPY has written. The rows of a page share one record of ' +
    'the WAL, and so one LSN: nobody can tell by the LSN of the last row which of them are in Kafka. A sound capture ' +
    'sends the whole transaction again.',
  cites: 'debezium/dbz#7531',
  seedRows: 100,
  workload: { kind: 'insert-only', rate: 50 },
  inject: [fault('kill-in-transaction', { rows: 20_000 })],
  hold: [],
  settle: [committed(20)],
  sound: {
    expect: { verdict: 'PASS' },
    because: 'its position is the end of a transaction that Kafka has, so the whole transaction comes again',
  },
  naive: {
    source: textbook('skips-equal-lsn'),
    expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
    because: 'it stores the LSN of each row, and skips the rows that share the last one when it resumes',
  },
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
