import { z } from 'zod';
import { VERDICTS } from './verdict.ts';

/**
 * The verifier's report: the shape that `status`, `verify` and `GET /report` share. Fields may be added, never
 * changed. `report.schema.json` is generated from it.
 */
export const verdictSchema = z.enum(VERDICTS);

/**
 * Kinds of findings: about rows, about the pipeline, and, from `silent` to `writer-harmed`, about a scenario's contract: no
 * verification reports those, only a run. docs/architecture.md says what each means.
 */
export const FINDING_CLASSES = [
  'missing',
  'absent',
  'extra',
  'stale',
  'corrupted',
  'duplicate',
  'as-configured',
  'orphan',
  'resurrected',
  'schema',
  'in-flight',
  'not-committed',
  'order',
  'torn',
  'foreign',
  'effects',
  'skipped',
  'connector-failed',
  'slot-lost',
  'lost-to-retention',
  'dead-letter',
  'alert',
  'evidence-missing',
  'silent',
  'stalled',
  'bound-exceeded',
  'writer-harmed',
] as const;
export const findingClassSchema = z.enum(FINDING_CLASSES);
export type FindingClass = z.infer<typeof findingClassSchema>;

/** Where a row went wrong: `source` before the slot, `capture` before the topic, `sink` behind it. */
export const hopSchema = z.enum(['source', 'capture', 'topic', 'sink', 'unknown']);
export type Hop = z.infer<typeof hopSchema>;

/** The id of a table, see `table-id.ts`. */
const TABLE =
  'schema.table at the source, each part quoted as PostgreSQL does where it needs quotes: "a.b".c';
const tableSchema = z.string().describe(TABLE);

/** One wrong row: its key, and the columns that differ. Other values are never reported. */
export const exampleSchema = z.object({
  key: z.record(z.string(), z.string().nullable()),
  columns: z.array(z.string()),
  /** The reason in one sentence, such as the topic record or the version. */
  detail: z.string().optional(),
});
export type Example = z.infer<typeof exampleSchema>;
/** Examples in one finding. */
export const MAX_EXAMPLES = 5;

export const findingSchema = z.object({
  check: z.string(),
  class: findingClassSchema,
  /** Null if the finding does not concern a table. */
  table: z.string().nullable().describe(TABLE),
  /** Number of all rows (or records, connectors, …) concerned, not only of the examples. */
  count: z.int().nonnegative(),
  hop: hopSchema,
  verdict: verdictSchema,
  first: exampleSchema.nullable(),
  /** The first ones found, at most {@link MAX_EXAMPLES}. */
  examples: z.array(exampleSchema),
  detail: z.string(),
});
export type Finding = z.infer<typeof findingSchema>;

export const tableReportSchema = z.object({
  table: tableSchema,
  /** Columns of the source's primary key, in its order; empty if it has none. */
  key: z.array(z.string()).optional(),
  verdict: verdictSchema,
  /** Null if the table could not be counted. */
  sourceRows: z.int().nonnegative().nullable(),
  sinkRows: z.int().nonnegative().nullable(),
  checksumEqual: z.boolean().nullable(),
  missing: z.int().nonnegative(),
  extra: z.int().nonnegative(),
  stale: z.int().nonnegative(),
  corrupted: z.int().nonnegative(),
  duplicates: z.int().nonnegative(),
  orphans: z.int().nonnegative(),
  /** Keys that kept changing while they were compared, and are neither right nor wrong. */
  inFlight: z.int().nonnegative(),
});
export type TableReport = z.infer<typeof tableReportSchema>;

/** `not-applicable`: there was nothing to look at, such as no ledger or no Kafka, so the check has judged nothing. */
export const checkStatusSchema = z.enum(['judged', 'not-applicable']);

export const checkReportSchema = z.object({
  check: z.string(),
  /** PASS also if the status is `not-applicable`: it does not count against the report's verdict. */
  verdict: verdictSchema,
  status: checkStatusSchema.optional(),
  detail: z.string(),
  durationMs: z.number().nonnegative().optional(),
});
export type CheckReport = z.infer<typeof checkReportSchema>;

/** How far the pipeline is behind the fence. */
export const progressSchema = z.object({
  fencePassed: z.boolean(),
  /** Records between the sink's stored offsets and the topics' ends. */
  eventsBehind: z.int().nonnegative(),
  /** The same at the start of the verification. */
  eventsBehindAtStart: z.int().nonnegative(),
  /** WAL between the slot's confirmed flush LSN and the fence. */
  walBehindBytes: z.int().nonnegative(),
  /** Records applied per second while waiting for the fence. */
  rateEventsPerSecond: z.number().nonnegative(),
  waitedMs: z.number().nonnegative(),
  snapshotRunning: z.boolean(),
  /** What the fence still waits for; empty if it is passed. */
  waitingFor: z.array(z.string()),
});
export type Progress = z.infer<typeof progressSchema>;

/** How the tables were compared. */
export const comparisonReportSchema = z.object({
  /** `slot`: through the verifier's own slot; `settle`: key by key behind fences; `quiesce`, `none`: at rest. */
  mode: z.enum(['slot', 'settle', 'quiesce', 'none']),
  /** Every table was compared through the slot, so a row in flight cannot have been mistaken for wrong or right. */
  exact: z.boolean(),
  attempts: z.int().nonnegative(),
  /** Position of the source's snapshot, and the position up to which changes were read from the slot. */
  fromLsn: z.string().nullable(),
  toLsn: z.string().nullable(),
  windowMs: z.int().nonnegative(),
  /** Keys that were written in between. Each had to show a version that it had in that time. */
  touchedKeys: z.int().nonnegative(),
  /** The same as a share of the compared rows, 0 to 1. */
  touchedShare: z.number().min(0).max(1),
  /** Tables that could not be compared through the slot. */
  notExact: z.array(z.object({ table: tableSchema, reason: z.string() })),
  /** Pairs of snapshots that the comparison took. */
  windows: z.int().nonnegative().optional(),
  /** Parts of tables that were compared in them. */
  parts: z.int().nonnegative().optional(),
  /** How long a snapshot may live: `snapshotBoundMs` of the configuration. */
  snapshotBoundMs: z.int().nonnegative().optional(),
  /** How long the longest snapshot lived. */
  longestSnapshotMs: z.int().nonnegative().optional(),
});
export type ComparisonReport = z.infer<typeof comparisonReportSchema>;

/** What was known of earlier verifications of the same two databases, by which a fault that is over is told from one of now. */
export const memoryReportSchema = z.object({
  /** The file that holds it; null: nothing outlives the verifier's process. */
  file: z.string().nullable(),
  /** Earlier verifications that are remembered. */
  verifications: z.int().nonnegative(),
  /** When the first of them was made, in ISO 8601. */
  since: z.iso.datetime().nullable(),
  /** Why less is known than might be, in one sentence. */
  note: z.string().nullable(),
});
export type MemoryReport = z.infer<typeof memoryReportSchema>;

/** Which tables were compared whole and when, and what was compared of the others. */
export const scansReportSchema = z.object({
  /** The period within which every row is scanned again. */
  everyMs: z.int().positive(),
  tables: z.array(
    z.object({
      table: tableSchema,
      /** `changed keys`: of this table, what either side has written since the last verification, and what was wrong then. */
      compared: z.enum(['whole', 'changed keys']),
      /** Keys that were compared now, if the table was not compared whole. */
      changedKeys: z.int().nonnegative(),
      /** Every row was compared at this time or later. */
      wholeAt: z.iso.datetime(),
      /** Keys that were compared since the table was last compared in one piece. */
      changedKeysSince: z.int().nonnegative(),
      /** Why the table was compared whole, or why its scan in the background does not get on. */
      reason: z.string().nullable(),
    }),
  ),
});
export type ScansReport = z.infer<typeof scansReportSchema>;

export const reportSchema = z.object({
  schemaVersion: z.literal(1),
  verdict: verdictSchema,
  /** When the report was made, in ISO 8601. */
  at: z.iso.datetime(),
  durationMs: z.number().nonnegative(),
  /** The fence's LSN, and the source's position at the end of the comparison; null if the source did not answer. */
  window: z.object({ fromLsn: z.string().nullable(), toLsn: z.string().nullable() }),
  /** Share of the source's captured tables that were compared in full, 0 to 1. PASS needs 1. */
  coverage: z.number().min(0).max(1),
  /** Null if no comparison was made, or all tables were equal in the first scan. */
  comparison: comparisonReportSchema.nullable().optional(),
  /** Null if every verification compares everything, or none was made. */
  scans: scansReportSchema.nullable().optional(),
  tables: z.array(tableReportSchema),
  checks: z.array(checkReportSchema),
  findings: z.array(findingSchema),
  progress: progressSchema.nullable(),
  /** Transactions in the ledger by outcome; null if there is no ledger. */
  ledger: z
    .object({
      transactions: z.int().nonnegative(),
      committed: z.int().nonnegative(),
      failed: z.int().nonnegative(),
      unknown: z.int().nonnegative(),
      /** Unknown transactions that `pg_xact_status` settled as committed. */
      settledCommitted: z.int().nonnegative(),
      /** Unknown transactions that `pg_xact_status` settled as aborted. */
      settledAborted: z.int().nonnegative(),
    })
    .nullable(),
  /** Records that were delivered more than once, and what the sink did with them; null if the sink does not say. */
  deliveries: z
    .object({
      /** Records in the topics that repeat an earlier position. */
      duplicatesDelivered: z.int().nonnegative().nullable(),
      /** Records that the sink counted as suppressed, because they were repeated or overtaken. */
      duplicatesSuppressed: z.int().nonnegative().nullable(),
      /** The sink's table of applied records (`dedup.mode=table`); null if it is empty or missing. */
      dedupTable: z
        .object({
          /** Deliveries in the table. */
          rows: z.int().nonnegative(),
          /** The sink's own totals, read in the same snapshot. */
          applied: z.int().nonnegative(),
          suppressed: z.int().nonnegative(),
          /**
           * True if each applied delivery is in the table, and the table holds none that the sink has not handled. Null
           * if it holds fewer than were applied: it was switched on later, or old entries have been removed.
           */
          agrees: z.boolean().nullable(),
        })
        .nullable()
        .optional(),
    })
    .nullable(),
  /** Null if the fence was not passed, or nothing is remembered from one verification to the next. */
  memory: memoryReportSchema.nullable().optional(),
  /** Connector and task states, as the REST API reports them. */
  connectors: z.array(
    z.object({
      name: z.string(),
      type: z.enum(['source', 'sink']),
      /** `UNREACHABLE` if no worker answered. */
      state: z.string(),
      tasks: z.array(z.string()),
    }),
  ),
});
export type Report = z.infer<typeof reportSchema>;

/** The report's JSON Schema (draft 2020-12). */
export function reportJsonSchema(): unknown {
  return { title: 'cdc-lab verification report', ...z.toJSONSchema(reportSchema) };
}

/** A finding with defaults for what is not given: it concerns no table and one thing, at an unknown hop. */
export function finding(
  own: Partial<Finding> & Pick<Finding, 'check' | 'class' | 'verdict' | 'detail'>,
): Finding {
  return { table: null, count: 1, hop: 'unknown', first: null, examples: [], ...own };
}
