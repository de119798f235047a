import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

/** Of the sound capture, in the case `behind`. */
const STOPS_WITHIN_MS = 10_000;

export default defineScenario({
  title: 'Stored position and slot disagree',
  lesson:
    'The capture starts with a stored position that is not where its slot is. Ahead of the slot, it was killed between ' +
    'its store and its status update: the slot offers a transaction that is published, and the stored position is right. ' +
    'Behind the slot, somebody else has read from it: what lies between is in no slot any more, and no position is right.',
  cites: 'debezium/dbz#3620, risingwavelabs/risingwave#14060',
  seedRows: 100,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses: [] },
  steps: { inject: [], hold: [{ do: 'until-committed', transactions: 20 }], settle: [] },
  lateProofs: [],
  variants: {
    sound: {
      source: { file: 'source' },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'PASS' },
      because:
        'it starts at the later of the two, its stored position, and says so: Kafka has everything before it',
      engines: {
        'debezium+jdbc': {
          notRun:
            'Kafka Connect has no crash point: nothing stops it between the store of its offset and its answer to the slot',
        },
      },
    },
    naive: {
      source: {
        file: 'source',
        engine: 'textbook',
        overrides: { 'textbook.mistakes': 'saves-before-publish' },
      },
      sink: { file: 'sink' },
      workload: { kind: 'insert-only', rate: 50 },
      expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' }, follows: ['orphan'] },
      because: 'it stores the position of a transaction before Kafka has it, and trusts it after the kill',
    },
  },
  cases: {
    ahead: {
      steps: {
        inject: [{ do: 'fault', fault: 'kill-ahead-of-slot', with: { skip: 20 } }],
        settle: [{ do: 'until-committed', transactions: 20 }],
      },
    },
    behind: {
      contract: {
        duplicateDeliveries: 'legal',
        recoverWithinMs: 60_000,
        clauses: [
          {
            kind: 'stops-within',
            connector: 'capture',
            withinMs: STOPS_WITHIN_MS,
            why: 'a gap is an error at the start',
          },
        ],
      },
      steps: {
        inject: [
          { do: 'fault', fault: 'kill-service', with: { service: 'capture' } },
          { do: 'until-committed', transactions: 20 },
          { do: 'fault', fault: 'consume-slot', with: {} },
        ],
        settle: [{ do: 'until-stopped', connector: 'capture', withinMs: STOPS_WITHIN_MS }],
      },
      variants: {
        sound: {
          expect: {
            verdict: 'FAIL',
            finding: { class: 'connector-failed', hop: 'capture' },
            stop: { code: 'CDC-1107', withinMs: STOPS_WITHIN_MS },
          },
          because: 'it finds the slot ahead of its stored position, and stops before it streams',
          engines: {},
          recover: [{ action: 'slot-recreate' }],
        },
        naive: {
          source: {
            file: 'source',
            engine: 'textbook',
            overrides: { 'textbook.mistakes': 'trusts-own-file' },
          },
          expect: {
            verdict: 'FAIL',
            finding: { class: 'missing', hop: 'capture' },
            follows: ['silent', 'orphan'],
          },
          because: 'it asks for the position in its file, and does not notice that the slot begins later',
        },
      },
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
