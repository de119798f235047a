/**
 * `scenarios/transactions`: what transactions of the source and of Kafka can do to a pipeline: their size, their length,
 * an end that comes late or never, and their halves on two topics.
 * In: nothing: a scenario is data.
 * Out: the transaction that is the failure, and the verdict that a sound and a naive pipeline must get.
 * Promises: each naive pipeline passes until that transaction, and then fails for one reason, which the scenario names.
 */

import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

const MIB = 1024 * 1024;
const insert = (from: number, to: number): string =>
  `INSERT INTO readings SELECT i, i % 100, 'reading ' || i, now() FROM generate_series(${from}, ${to}) i`;

export default defineScenario({
  title: 'A huge transaction',
  lesson:
    'One transaction inserts 200,000 rows, half of which are rolled back to a savepoint. A slot sends a transaction ' +
    'only when it is committed, but nothing says that it fits into the memory of the capture. One that keeps the ' +
    'transaction until its commit grows with it, up to the day on which it is killed for its size.',
  cites: 'Kleppmann, "Designing Data-Intensive Applications"; PostgreSQL manual, logical_decoding_work_mem',
  seedRows: 100,
  atSource: {
    sql: [
      'CREATE TABLE readings (id int PRIMARY KEY, sensor int NOT NULL, note text NOT NULL, at timestamptz NOT NULL)',
    ],
    tables: ['public.readings'],
  },
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [
      {
        kind: 'rss-growth',
        of: 'capture',
        atMostBytes: 64 * MIB,
        why: 'memory is bounded, not the transaction',
      },
      {
        kind: 'rss-growth',
        of: 'sink',
        atMostBytes: 64 * MIB,
        why: 'memory is bounded, not the transaction',
      },
      { kind: 'writer-ok', why: 'a large transaction of one writer is no reason for another one to fail' },
    ],
  },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'run-statements',
        with: {
          on: 'source',
          transactions: [
            ['SAVEPOINT half', insert(1, 100_000), 'ROLLBACK TO half', insert(100_001, 200_000)],
          ],
        },
      },
    ],
    hold: [],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'PASS' },
      because: 'it publishes a transaction while it reads it, in buffers that it uses again',
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'textbook.mistakes': 'buffers-transaction' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 20 },
      expect: { verdict: 'FAIL', finding: { class: 'bound-exceeded', hop: 'capture' } },
      because: 'it keeps all rows of a transaction in memory until its commit',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
