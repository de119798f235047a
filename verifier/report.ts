import { z } from 'zod';
import { VERDICTS } from './verdict.ts';

/**
 * The verifier's report: the shape that `status`, `verify` and `GET /report` share. Fields may be added, never
 * changed. `report.schema.json` is generated from it.
 */
export const verdictSchema = z.enum(VERDICTS);

/** What is wrong with a row, or with the pipeline. */
export const FINDING_CLASSES = [
  'missing',
  'extra',
  'stale',
  'corrupted',
  'duplicate',
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
] as const;
export const findingClassSchema = z.enum(FINDING_CLASSES);
export type FindingClass = z.infer<typeof findingClassSchema>;

/** Where a row went wrong: `source` before the slot, `capture` before the topic, `sink` after it. */
export const hopSchema = z.enum(['source', 'capture', 'topic', 'sink', 'unknown']);
export type Hop = z.infer<typeof hopSchema>;

/** One wrong row: its key and, where it differs, the columns. Values are never reported. */
export const exampleSchema = z.object({
  key: z.record(z.string(), z.string().nullable()),
  columns: z.array(z.string()),
  /** Why, in one sentence: which topic record, which version. */
  detail: z.string().optional(),
});
export type Example = z.infer<typeof exampleSchema>;
/** Examples in one finding. */
export const MAX_EXAMPLES = 5;

export const findingSchema = z.object({
  check: z.string(),
  class: findingClassSchema,
  /** Null where no table is concerned. */
  table: z.string().nullable(),
  /** Rows (or records, connectors, …) concerned: all of them, not only those listed. */
  count: z.int().nonnegative(),
  hop: hopSchema,
  verdict: verdictSchema,
  first: exampleSchema.nullable(),
  /** The first ones found, at most a few. */
  examples: z.array(exampleSchema),
  detail: z.string(),
});
export type Finding = z.infer<typeof findingSchema>;

export const tableReportSchema = z.object({
  /** `schema.table` at the source. */
  table: z.string(),
  verdict: verdictSchema,
  /** Null where it could not be counted. */
  sourceRows: z.int().nonnegative().nullable(),
  sinkRows: z.int().nonnegative().nullable(),
  checksumEqual: z.boolean().nullable(),
  missing: z.int().nonnegative(),
  extra: z.int().nonnegative(),
  stale: z.int().nonnegative(),
  corrupted: z.int().nonnegative(),
  duplicates: z.int().nonnegative(),
  orphans: z.int().nonnegative(),
  /** Keys that kept changing while they were compared: neither right nor wrong. */
  inFlight: z.int().nonnegative(),
});
export type TableReport = z.infer<typeof tableReportSchema>;

export const checkReportSchema = z.object({
  check: z.string(),
  verdict: verdictSchema,
  detail: z.string(),
  durationMs: z.number().nonnegative().optional(),
});
export type CheckReport = z.infer<typeof checkReportSchema>;

/** How far the pipeline is behind the fence. */
export const progressSchema = z.object({
  fencePassed: z.boolean(),
  /** Records between the sink's stored offsets and the topics' ends. */
  eventsBehind: z.int().nonnegative(),
  /** The same when the verification began. */
  eventsBehindAtStart: z.int().nonnegative(),
  /** WAL between the slot's confirmed flush LSN and the fence. */
  walBehindBytes: z.int().nonnegative(),
  /** Records applied per second while the fence was awaited. */
  rateEventsPerSecond: z.number().nonnegative(),
  waitedMs: z.number().nonnegative(),
  snapshotRunning: z.boolean(),
  /** What the fence still waits for; empty when it is passed. */
  waitingFor: z.array(z.string()),
});
export type Progress = z.infer<typeof progressSchema>;

/** How the tables were compared. */
export const comparisonReportSchema = z.object({
  /** `slot`: by a slot of the verifier's own; `settle`: key by key behind fences; `quiesce`, `none`: at rest. */
  mode: z.enum(['slot', 'settle', 'quiesce', 'none']),
  /** Every table was compared by the slot: nothing that was on its way can have been taken for wrong, or right. */
  exact: z.boolean(),
  attempts: z.int().nonnegative(),
  /** The source's snapshot, and how far its changes were watched. */
  fromLsn: z.string().nullable(),
  toLsn: z.string().nullable(),
  windowMs: z.int().nonnegative(),
  /** Keys that were written in between: each had to show a version that it took there. */
  touchedKeys: z.int().nonnegative(),
  /** The same as a share of the rows that were compared, 0 to 1. */
  touchedShare: z.number().min(0).max(1),
  /** Tables that could not be compared by the slot. */
  notExact: z.array(z.object({ table: z.string(), reason: z.string() })),
  /** Pairs of snapshots that the comparison took, and parts of tables that were compared in them. */
  windows: z.int().nonnegative().optional(),
  parts: z.int().nonnegative().optional(),
  /** How long a snapshot may live (`snapshotBoundMs` of the configuration), and how long the longest did. */
  snapshotBoundMs: z.int().nonnegative().optional(),
  longestSnapshotMs: z.int().nonnegative().optional(),
});
export type ComparisonReport = z.infer<typeof comparisonReportSchema>;

export const reportSchema = z.object({
  schemaVersion: z.literal(1),
  verdict: verdictSchema,
  /** ISO 8601: when the report was made. */
  at: z.iso.datetime(),
  durationMs: z.number().nonnegative(),
  /** The fence's LSN, and the source's position when the comparison ended. Null where the source was not reached. */
  window: z.object({ fromLsn: z.string().nullable(), toLsn: z.string().nullable() }),
  /** Share of the source's captured tables that were compared in full, 0 to 1. PASS needs 1. */
  coverage: z.number().min(0).max(1),
  /** Null where no comparison was made, or all tables were equal at first sight. */
  comparison: comparisonReportSchema.nullable().optional(),
  tables: z.array(tableReportSchema),
  checks: z.array(checkReportSchema),
  findings: z.array(findingSchema),
  progress: progressSchema.nullable(),
  /** Transactions in the ledger by outcome; null where there is no ledger. */
  ledger: z
    .object({
      transactions: z.int().nonnegative(),
      committed: z.int().nonnegative(),
      failed: z.int().nonnegative(),
      unknown: z.int().nonnegative(),
      /** Of the unknown ones: settled as committed by `pg_xact_status`. */
      settledCommitted: z.int().nonnegative(),
      settledAborted: z.int().nonnegative(),
    })
    .nullable(),
  /** Records that came more than once, and what the sink did with them. Null where it does not say. */
  deliveries: z
    .object({
      /** Records in the topics that repeat a position already there. */
      duplicatesDelivered: z.int().nonnegative().nullable(),
      /** Records that the sink counted as suppressed (delivered again or overtaken). */
      duplicatesSuppressed: z.int().nonnegative().nullable(),
      /** The sink's table of what it applied (`dedup.mode=table`); null where it is empty or not there. */
      dedupTable: z
        .object({
          /** Deliveries that the table holds. */
          rows: z.int().nonnegative(),
          /** The sink's own totals, read in the same snapshot. */
          applied: z.int().nonnegative(),
          suppressed: z.int().nonnegative(),
          /**
           * Each applied delivery is in the table, and the table holds none that the sink did not deal with. Null where
           * it holds fewer than were applied: it was switched on later, or has forgotten old ones.
           */
          agrees: z.boolean().nullable(),
        })
        .nullable()
        .optional(),
    })
    .nullable(),
  /** Connector and task states as the REST API gave them. */
  connectors: z.array(
    z.object({
      name: z.string(),
      type: z.enum(['source', 'sink']),
      /** `UNREACHABLE` where the worker did not answer. */
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

/** A finding about the pipeline rather than rows. */
export function finding(
  own: Partial<Finding> & Pick<Finding, 'check' | 'class' | 'verdict' | 'detail'>,
): Finding {
  return { table: null, count: 1, hop: 'unknown', first: null, examples: [], ...own };
}
