/**
 * `scenarios/snapshot`: failures while rows are read that were there before, and of what a snapshot cannot see.
 * In: nothing: a scenario is data.
 * Out: what interrupts, overtakes or overloads a snapshot, and the rows that a sound pipeline has afterwards.
 * Promises: the naive side passes until then; a snapshot that is complete leaves the sink with the rows of the source.
 */

import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

/** As many rows a second as the sound capture reads. */
const BOUND = 1000;

export default defineScenario({
  title: 'A first snapshot beside a writer',
  lesson:
    'A first snapshot reads every row of every table, as fast as the disk, the network and Kafka allow, from a database ' +
    'that serves an application meanwhile. A capture with a bound reads no more rows a second than it was allowed.',
  cites: 'GUIDE.md, lesson 5',
  seedRows: 500,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [
      {
        kind: 'snapshot-rate',
        atMostRowsPerSecond: BOUND,
        why: 'a snapshot leaves the source to its application',
      },
      { kind: 'writer-ok', why: 'a snapshot is no reason for a write to fail' },
    ],
  },
  steps: {
    // Else the sink would read rows in the topics whose deletes no slot has.
    inject: [{ do: 'fault', fault: 'first-snapshot', with: { emptyTopics: true } }],
    hold: [],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source', overrides: { 'snapshot.max.rows.per.second': String(BOUND) } },
      sink: { file: 'sink' },
      workload: { kind: 'mixed', rate: 50 },
      expect: { verdict: 'PASS' },
      because: 'it takes its rows from a bucket that fills at a fixed rate',
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'mixed', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'bound-exceeded', hop: 'capture' } },
      because: 'it has no bound, and reads as fast as the source answers',
      recover: [
        {
          action: 'connectors-set',
          with: { connector: 'capture', set: { 'snapshot.max.rows.per.second': String(BOUND) } },
        },
      ],
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors config capture', 'cdc-lab logs capture'],
});
