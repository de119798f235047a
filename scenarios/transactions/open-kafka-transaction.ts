import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'A Kafka transaction that does not end',
  lesson:
    'A transactional producer writes to a topic of the sink and hangs. The sink reads committed records only, so it ' +
    'gets nothing behind that transaction: nothing is lost, and somebody has to find the producer. When the transaction ' +
    'is aborted, its records and its marker leave a gap in the offsets. A reader that waits for every offset waits for ever.',
  cites: 'risingwavelabs/risingwave#24717, evolution-gaming/kafka-flow#857',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [{ do: 'fault', fault: 'open-kafka-transaction', with: { table: 'public.customers' } }],
    hold: [
      { do: 'until-committed', transactions: 20 },
      {
        do: 'expect-verdict',
        verdict: 'SYNC_IN_PROGRESS',
        says: 'transaction "cdc-lab-hung-[^"]+" of producer \\d+ to end .* last written to .* ago',
      },
    ],
    settle: [{ do: 'until-stalled', connector: 'sink', forMs: 4_000, withinMs: 20_000 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'PASS' },
      because: 'it takes the offsets as they come, and goes on behind the transaction when that is aborted',
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      defects: { sink: ['waits-for-every-offset'] },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'stalled', hop: 'sink' } },
      because: 'it takes the offsets of the aborted records for records that are still to come',
      recover: [{ action: 'upgrade' }],
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab lag'],
});
