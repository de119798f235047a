import { defineScenario, LESSON_DEADLINES_MS } from '../../harness/plugins/scenario.ts';

export default defineScenario({
  title: 'A publication breaks the application',
  lesson:
    'A table has no replica identity. As soon as a publication contains it, PostgreSQL refuses every UPDATE and DELETE of ' +
    'it, and the application fails, not the pipeline. A capture that creates the publication has to refuse before, and ' +
    'print the statement that mends the table. This is shown at a first start: the publication is created then.',
  cites: 'duckdb/ducklake#1365; pg_repack#235',
  seedRows: 200,
  defaults: { rows: 0, seconds: 0 },
  contract: {
    duplicateDeliveries: 'legal',
    recoverWithinMs: 60_000,
    clauses: [
      { kind: 'writer-ok', why: 'no statement of the application fails because of the capture' },
      { kind: 'stops-within', connector: 'capture', withinMs: 10_000, why: 'the refusal is at the start' },
    ],
  },
  steps: {
    inject: [
      // Nobody writes while the table is still in the publication of before.
      { do: 'stop-workload', as: 'main' },
      { do: 'until-caught-up' },
      { do: 'fault', fault: 'no-replica-identity', with: { table: 'documents' } },
      { do: 'begin-again' },
      { do: 'start-workload', as: 'application', kind: 'mixed', rate: 50, transactions: null },
    ],
    hold: [
      { do: 'until-stopped', connector: 'capture', withinMs: 10_000 },
      { do: 'until-committed', transactions: 50 },
    ],
    settle: [],
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
        follows: ['absent', 'missing'],
        stop: {
          code: 'CDC-1126',
          says: 'ALTER TABLE "public"\\."documents" REPLICA IDENTITY DEFAULT',
          withinMs: 10_000,
        },
      },
      because: 'it refuses before it creates the publication, and prints the statement to run',
    },
  },
  deadlinesMs: LESSON_DEADLINES_MS,
  lookAt: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
});
