/**
 * `scenarios/position`: failures of the capture's place in the source: its slot, its stored position, its login.
 * In: nothing: a scenario is data.
 * Out: the steps that break the place, and what a capture must then do: stop loudly, or go on without a gap.
 * Promises: where a gap cannot be excluded, a sound capture stops with the error that the scenario names.
 */

import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'The slot is made again',
  lesson:
    'While the capture is down, somebody drops its slot and creates it again under the same name. The new slot begins ' +
    'now: what was committed since the stored position is in no slot any more. A capture that compares the two ' +
    'positions stops and says so. One that takes what the slot offers goes on without an error, and without those rows.',
  cites: 'debezium/dbz#3970',
  seedRows: 200,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [
      { kind: 'stops-within', connector: 'capture', withinMs: 20_000, why: 'a gap is an error at the start' },
      { kind: 'writer-ok', why: 'a capture that is down is no reason for a write to fail' },
    ],
  },
  steps: {
    inject: [
      { do: 'fault', fault: 'kill-service', with: { service: 'capture' } },
      { do: 'until-committed', transactions: 20 },
      { do: 'fault', fault: 'recreate-slot', with: {} },
    ],
    hold: [{ do: 'until-committed', transactions: 20 }],
    settle: [{ do: 'until-stopped', connector: 'capture', withinMs: 20_000 }],
  },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'mixed', rate: 50 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'connector-failed', hop: 'capture' },
        stop: { code: 'CDC-1107', withinMs: 20_000 },
      },
      because: 'it finds the slot ahead of its stored position, and stops before it streams',
      engines: {
        'debezium+jdbc': {
          expect: {
            verdict: 'FAIL',
            finding: { class: 'connector-failed', hop: 'capture' },
            stop: { trace: 'no longer available on the server', withinMs: 20_000 },
          },
          because:
            'Debezium 3.6 finds that the server no longer has the changes from its offset on, and stops',
        },
      },
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'textbook.mistakes': 'trusts-own-file' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: {
        verdict: 'FAIL',
        finding: { class: 'missing', hop: 'capture' },
        follows: ['silent', 'orphan'],
      },
      because: 'it asks for the position in its file, and does not notice that the slot begins later',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
