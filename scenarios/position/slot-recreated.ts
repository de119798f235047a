/**
 * `scenarios/position`: failures of the capture's place in the source: its slot, its stored position, its login.
 * In: nothing: a scenario is data.
 * Out: the steps that break the place, and what a capture must then do: stop loudly, or go on without a gap.
 * Promises: where a gap cannot be excluded, a sound capture stops with the error that the scenario names.
 */

import { committed, defineFailure, fault, textbook } from '../../harness/plugins/failure.ts';

const WITHIN_MS = 20_000;

export default defineFailure({
  title: 'The slot is made again',
  lesson:
    'While the capture is down, somebody drops its slot and creates it again under the same name. The new slot begins ' +
    'now: what was committed since the stored position is in no slot any more. A capture that compares the two ' +
    'positions stops and says so. One that takes what the slot offers goes on without an error, and without those rows.',
  cites: 'debezium/dbz#3970',
  seedRows: 200,
  workload: { kind: 'mixed', rate: 50 },
  clauses: [
    {
      kind: 'stops-within',
      connector: 'capture',
      withinMs: WITHIN_MS,
      why: 'a gap is an error at the start',
    },
    { kind: 'writer-ok', why: 'a capture that is down is no reason for a write to fail' },
  ],
  inject: [fault('kill-service', { service: 'capture' }), committed(20), fault('recreate-slot')],
  hold: [committed(20)],
  settle: [{ do: 'until-stopped', connector: 'capture', withinMs: WITHIN_MS }],
  sound: {
    expect: {
      verdict: 'FAIL',
      finding: { class: 'connector-failed', hop: 'capture' },
      stop: { code: 'CDC-1107', withinMs: WITHIN_MS },
    },
    because: 'it finds the slot ahead of its stored position, and stops before it streams',
    engines: {
      'debezium+jdbc': {
        expect: {
          verdict: 'FAIL',
          finding: { class: 'connector-failed', hop: 'capture' },
          stop: { trace: 'no longer available on the server', withinMs: 20_000 },
        },
        because: 'Debezium 3.6 finds that the server no longer has the changes from its offset on, and stops',
      },
    },
  },
  naive: {
    source: textbook('trusts-own-file'),
    workload: { kind: 'insert-only', rate: 50 },
    expect: {
      verdict: 'FAIL',
      finding: { class: 'missing', hop: 'capture' },
      follows: ['silent', 'orphan'],
    },
    because: 'it asks for the position in its file, and does not notice that the slot begins later',
  },
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
