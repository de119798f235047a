import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

/** The naive sink of this lesson is a defect, planted in our own. */
const NO_NAIVE_PAUSE =
  'the naive pause is a planted defect, and no setting of the JDBC sink makes it drop what it has fetched';

export default defineScenario({
  title: 'Consumer lag',
  lesson:
    'The sink is paused while writes go on. Events wait in Kafka and the group falls behind, which is no loss as ' +
    'long as the topic keeps them: the verifier says SYNC_IN_PROGRESS, not FAIL. What the sink had fetched before ' +
    'the pause it must still apply: a handler that returns while paused, and commits, has lost it.',
  cites: 'GUIDE.md, lesson 2',
  trigger: 'lag',
  seedRows: 200,
  alertLag: 500,
  defaults: { rows: 0, seconds: 0 },
  byHand: { seconds: 30 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      // At this point the sink holds records that it has fetched and not applied, which a careless pause drops.
      {
        do: 'fault',
        fault: 'pause-connector',
        with: { connector: 'sink', at: 'sink.after-fetch' },
        where: { sink: 'ts' },
      },
      // Kafka Connect pauses a sink between two batches only: there is no such moment.
      { do: 'fault', fault: 'pause-connector', with: { connector: 'sink' }, where: { sink: 'jdbc' } },
    ],
    hold: [
      { do: 'until-behind', events: 1000 },
      { do: 'expect-verdict', verdict: 'SYNC_IN_PROGRESS' },
      { do: 'until-lag-alert', is: 'firing' },
    ],
    settle: [
      { do: 'until-committed', transactions: 20 },
      // Kafka Connect stores offsets every ten seconds: under writes, its lag would seldom be small.
      { do: 'stop-workload', as: 'main' },
      { do: 'until-caught-up' },
      { do: 'until-lag-alert', is: 'cleared' },
    ],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'mixed', rate: 100 },
      expect: { verdict: 'PASS' },
      because: 'it keeps what it had fetched, and goes on from there',
      engines: {
        'ts+jdbc': {
          because: 'Connect pauses its consumer between two batches, and goes on from there',
        },
        'debezium+ts': {
          because: 'it keeps what it had fetched; that the source is Debezium makes no difference',
        },
        'debezium+jdbc': {
          because: 'Connect pauses its consumer between two batches, and goes on from there',
        },
      },
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      defects: { sink: ['pause-drops-fetched'] },
      workload: { kind: 'insert-only', rate: 100 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'missing', hop: 'sink' },
        follows: ['orphan', 'skipped'],
      },
      because: 'it drops what it had fetched when it was paused, and commits past it',
      recover: [
        { action: 'upgrade' },
        { action: 'snapshot', with: { tables: ['customers', 'orders', 'order_items', 'documents'] } },
      ],
      engines: {
        'ts+jdbc': { notRun: NO_NAIVE_PAUSE },
        'debezium+ts': {
          because: 'it drops what it had fetched when it was paused, whichever engine captured it',
        },
        'debezium+jdbc': { notRun: NO_NAIVE_PAUSE },
      },
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab lag', 'cdc-lab watch', 'cdc-lab status'],
});
