/**
 * `scenarios/lessons`: the five lessons, one file each; a file's name is the scenario's id.
 * In: nothing: a scenario is data.
 * Out: the steps that break a pipeline, and the verdict that a sound and a naive one must get.
 * Promises: each naive pipeline fails for one reason, which the scenario names; GUIDE.md explains it.
 */

import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'Connector restart',
  lesson:
    'The capture dies after Kafka has acknowledged its records and before it has stored how far it got. When it ' +
    'starts again it sends them once more: no restart loses an event, and none is free of duplicates. ' +
    'A sink that upserts by key and position does not notice. One that inserts keeps every copy.',
  cites: 'GUIDE.md, lesson 1',
  trigger: 'restart',
  seedRows: 200,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: {
    inject: [
      {
        do: 'fault',
        fault: 'kill-at-crash-point',
        with: { worker: 'capture', point: 'capture.after-produce-before-ack', skip: 0 },
        where: { source: 'ts' },
      },
      // Debezium has no crash points, and stores its offset on a timer: it is killed well past that offset.
      { do: 'fault', fault: 'kill-past-offset', with: { records: 20 }, where: { source: 'debezium' } },
    ],
    // The source does not wait for its capture: these transactions are read from the slot after the start.
    hold: [{ do: 'until-committed', transactions: 50 }],
    settle: [{ do: 'until-committed', transactions: 20 }],
  },
  lateProofs: [{ kind: 'redelivered', atLeast: 1 }],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'mixed', rate: 50 },
      expect: { verdict: 'PASS' },
      because: 'an upsert by key, guarded by position: what comes twice is written once',
      engines: {
        'ts+jdbc': {
          because:
            'an upsert by key: rows go back for a moment, and the same events in the same order repair them',
        },
        'debezium+ts': {
          because:
            'Debezium sends again all that its stored offset does not cover; an upsert ends where it was',
        },
        'debezium+jdbc': {
          because:
            'all since the last stored offset comes again, in the same order: an upsert ends where it was',
        },
      },
    },
    naive: {
      source: { file: 'source' },
      sink: { file: 'sink-insert' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'duplicate', hop: 'sink' } },
      because: 'it inserts a row for each event: what comes twice is there twice',
      // Without a key the sink could not upsert; while it runs, more copies would come.
      recover: [
        { action: 'connectors-stop', with: { connector: 'sink' } },
        { action: 'dedupe', with: { table: 'customers', addKey: true } },
        { action: 'dedupe', with: { table: 'orders', addKey: true } },
        { action: 'dedupe', with: { table: 'order_items', addKey: true } },
        { action: 'dedupe', with: { table: 'documents', addKey: true } },
        {
          action: 'connectors-set',
          with: {
            connector: 'sink',
            set: {
              'insert.mode': 'upsert',
              'primary.key.mode': 'record_key',
              'delete.enabled': 'true',
              'truncate.enabled': 'true',
              'dedup.mode': 'lsn',
            },
          },
        },
        { action: 'connectors-resume', with: { connector: 'sink' } },
      ],
      engines: {
        'ts+jdbc': {
          because: 'insert.mode=insert without a key: the JDBC sink keeps every copy, too',
        },
        'debezium+ts': {
          because: 'a row for each event: up to ten seconds of events are there twice, not one transaction',
        },
        'debezium+jdbc': {
          because: 'a row for each event: up to ten seconds of events are there twice, not one transaction',
        },
      },
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
