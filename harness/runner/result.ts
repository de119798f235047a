import { z } from 'zod';
import { findingClassSchema, findingSchema, verdictSchema } from '../../verifier/report.ts';
import { VARIANTS } from '../plugins/scenario.ts';

const rowSchema = z.record(z.string(), z.string().nullable());

/** One wrong row, as both sides have it after the run: values as text. */
export const wrongRowSchema = z.object({
  class: findingClassSchema,
  /** `schema.table` at the source. */
  table: z.string(),
  key: rowSchema,
  /** Columns whose values differ; none if one side has no such row, or equal copies of it. */
  columns: z.array(z.string()),
  /** Null: the source has no such row. */
  source: rowSchema.nullable(),
  /** None, one, or the first copies. */
  sink: z.array(rowSchema),
});
export type WrongRow = z.infer<typeof wrongRowSchema>;

/** A connector that had to stop with an error, and what it did. */
export const stopSchema = z.object({
  connector: z.enum(['capture', 'sink']),
  stopped: z.boolean(),
  /** From the beginning of the wait until the connector was FAILED, or the wait was given up. */
  afterMs: z.number(),
  withinMs: z.number(),
  /** The last state seen, such as `RUNNING, task 0 FAILED`. */
  state: z.string(),
  /** The error's code; null if there is none. */
  code: z.string().nullable(),
  /** First line of the trace. */
  said: z.string().nullable(),
});

/** A clause of the contract, with its figures. */
export const clauseResultSchema = z.object({
  kind: z.string(),
  why: z.string(),
  /** Null: nothing was seen by which to judge it. */
  holds: z.boolean().nullable(),
  detail: z.record(z.string(), z.unknown()),
});
export type ClauseOutcome = z.infer<typeof clauseResultSchema>;

/**
 * What `cdc-lab run --json` prints. Fields may be added, never changed.
 * `harness/reporters/run.schema.json` is generated from it.
 */
export const variantResultSchema = z.object({
  scenario: z.string(),
  variant: z.enum(VARIANTS),
  /** Engine of each half: `ts` is this repository's pipeline. */
  source: z.string(),
  sink: z.string(),
  runtime: z.string(),
  verdict: verdictSchema,
  expected: verdictSchema,
  /** The verdict is the expected one, and for the expected reason. */
  ok: z.boolean(),
  /** Why it is not ok, or why the verdict is INCONCLUSIVE; null if there is nothing to say. */
  reason: z.string().nullable(),
  /** The finding that was expected, as `duplicate @sink` or `connector-failed @capture, CDC-1107`; null for a PASS. */
  expectedFinding: z.string().nullable(),
  durationMs: z.number(),
  /** From the end of `heal` until slot and consumer group had caught up; null if they did not. */
  recoveryMs: z.number().nullable(),
  proof: z.object({
    /** Faults that were proven to have taken effect; null if none was. */
    injected: z.string().nullable(),
    healed: z.string().nullable(),
    evidence: z.record(z.string(), z.unknown()),
  }),
  duplicates: z.object({
    delivered: z.number().nullable(),
    suppressed: z.number().nullable(),
  }),
  findings: z.array(findingSchema),
  /** Left out if the scenario waits for none. */
  stops: z.array(stopSchema).exactOptional(),
  /** Clauses of the contract that were judged; left out if there are none. */
  clauses: z.array(clauseResultSchema).exactOptional(),
  /**
   * The verdict after the recovery that the scenario declares, beside `verdict`, which is that before it; INCONCLUSIVE if
   * an action failed. Left out if nothing was recovered.
   */
  recovered: verdictSchema.exactOptional(),
  /** What was done to recover, as a person types it. */
  recovery: z.array(z.object({ command: z.string(), said: z.string() })).exactOptional(),
  /** Why the declared recovery was not carried out here; left out if it was, or if there is none. */
  notRecovered: z.string().exactOptional(),
  /** Left out if no finding names a row, or if the rows are not the lab's to show. */
  wrongRow: wrongRowSchema.exactOptional(),
  /** Tables that the pipeline does not carry, and that were not compared. Left out if it carries all. */
  outOfScope: z.array(z.string()).exactOptional(),
  /** Folder with journal and reports, relative to the lab's. */
  dir: z.string(),
});
export type VariantResult = z.infer<typeof variantResultSchema>;

/** A variant that these engines do not allow, or that the run did not reach: it has no verdict and is not counted. */
export const notRunSchema = z.object({
  scenario: z.string(),
  variant: z.enum(VARIANTS),
  source: z.string(),
  sink: z.string(),
  reason: z.string(),
});
export type NotRun = z.infer<typeof notRunSchema>;

export const runResultSchema = z.object({
  schemaVersion: z.literal(1),
  runId: z.string(),
  seed: z.number(),
  /** Every verdict is the expected one. */
  ok: z.boolean(),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  /** The command that repeats the run. */
  reproduce: z.string(),
  results: z.array(variantResultSchema),
  /** Left out if there is none. */
  notRun: z.array(notRunSchema).exactOptional(),
  /** Why the run ended before all of its variants had; left out if it did not. */
  endedEarly: z.string().exactOptional(),
});
export type RunResult = z.infer<typeof runResultSchema>;

/** JSON Schema (draft 2020-12) of {@link RunResult}. */
export function runJsonSchema(): unknown {
  return { title: 'cdc-lab run result', ...z.toJSONSchema(runResultSchema) };
}
