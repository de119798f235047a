import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { LabError, messageOf } from '../pipeline/contract/errors.ts';
import { mistakeIn } from '../pipeline/contract/mistake.ts';
import { plainTextProblem } from './connection/http.ts';
import { kafkaSchema } from './connection/kafka.ts';
import { isBaseUrl, queryProblem } from './connection/postgres-url.ts';
import { secretSchema } from './connection/secret.ts';
import { parseTable, tableId } from './table-id.ts';

const baseUrl = z.url().refine(isBaseUrl, 'a base URL has no query part and no fragment');

const connectorSchema = z
  .strictObject({
    name: z.string().min(1),
    /** Base URL of the worker's REST API. */
    url: baseUrl,
    /** Base URLs of further workers of the same Connect cluster, which are asked if that one does not answer. */
    otherUrls: z.array(baseUrl).default([]),
    type: z.enum(['source', 'sink']),
    /** HTTP basic authentication; null: none. */
    auth: z
      .strictObject({ username: z.string().min(1), password: secretSchema })
      .nullable()
      .default(null),
    /** PEM file with the authorities that may sign the worker's certificate; null: those that Node.js trusts. */
    ca: z.string().min(1).nullable().default(null),
  })
  .superRefine(({ auth, url, otherUrls }, context) => {
    if (auth === null) return;
    for (const [i, at] of [url, ...otherUrls].entries()) {
      const path = i === 0 ? ['url'] : ['otherUrls', i - 1];
      const message = plainTextProblem(at);
      if (message !== null) context.addIssue({ code: 'custom', path, message });
    }
  });

const thresholdsSchema = z.strictObject({
  /** WARN if the sink is more events behind. */
  lagEvents: z.int().positive().default(10_000),
  /** WARN if the oldest event that is not applied is older. */
  lagMs: z.int().positive().default(300_000),
  /** WARN if the lag reaches this share of the topic's retention. */
  retentionShare: z.number().positive().max(1).default(0.8),
  /** WAL that the slot may retain, if `max_slot_wal_keep_size` sets no limit. */
  walBudgetBytes: z
    .int()
    .positive()
    .default(4 * 1024 ** 3),
  /** WARN if the slot retains this share of its limit. */
  walBudgetShare: z.number().positive().max(1).default(0.8),
  /** Objective for the 99th percentile from commit to sink; null: it is reported, but not judged. */
  freshnessP99Ms: z.number().positive().nullable().default(null),
  /** Wrong keys that are read again individually. Any more are only counted, by a scan. */
  maxSettledKeys: z.int().positive().default(20_000),
  /** How often a differing key is compared again, each time behind a new fence. */
  settleRounds: z.int().positive().default(5),
  /** Keys that may be written while an exact comparison runs. */
  touchedKeys: z.int().positive().default(2_000_000),
  /** Bytes of the slot's stream while an exact comparison runs. */
  touchedBytes: z
    .int()
    .positive()
    .default(128 * 1024 ** 2),
  /** Rows of a table that are compared at once at most; null: as many as fit into `snapshotBoundMs`. */
  rowsPerPart: z.int().min(100).nullable().default(null),
});

/** How long, and how many, healed findings are kept. */
const findingsSchema = z.strictObject({
  keepDays: z.number().positive().default(30),
  keep: z.int().nonnegative().default(10_000),
});

/** Changed rows are compared at once, through the verifier's own slot; all rows in the background. */
const adaptiveSchema = z.strictObject({
  /** Interval at which changed rows are compared. */
  touchedEveryMs: z.int().min(100).default(1_000),
  /** Changed keys that are compared each time; any more wait for the next full verification. */
  keysPerRound: z.int().positive().default(5_000),
  /** Share of the time for full verifications: with 0.1, the pause is nine times as long as the last one took. */
  share: z.number().positive().max(1).default(0.1),
});

/** A verification compares what has changed since the last one; all rows are scanned again in the background. */
const incrementalSchema = z.strictObject({
  /** Every row is scanned again within this time. */
  scanEveryMs: z.int().min(1_000).default(600_000),
  /** Share of the time that the scan in the background may take. Large tables may need longer than `scanEveryMs` then. */
  scanShare: z.number().positive().max(1).default(0.1),
  /** Keys of one table that may change between two verifications; with more, the table is compared whole. */
  mostChangedKeys: z.int().positive().default(100_000),
});

/** A receiver that is notified of every change of the verdict. */
const webhookSchema = z.strictObject({
  /** The URL and the headers may contain `${env:NAME}`. */
  url: z.string().regex(/^(https?:\/\/|\$\{env:)/, 'must begin with http:// or https://'),
  headers: z.record(z.string(), z.string()).default({}),
  attempts: z.int().min(1).max(20).default(6),
  firstRetryMs: z.int().positive().default(500),
  timeoutMs: z.int().positive().default(10_000),
});

/** `schema.table`; without a schema it is `public`. */
const tableName = z
  .string()
  .refine(
    (text) => parseTable(text) !== undefined,
    'a table is written as schema.table, and a part with a dot or a quote in double quotes',
  );

const databaseUrl = z
  .string()
  .min(1)
  .superRefine((url, context) => {
    const message = queryProblem(url);
    if (message !== null) context.addIssue({ code: 'custom', message });
  });

/** The configuration file of `verifier/main.ts`. */
export const configSchema = z.strictObject({
  host: z.string().default('127.0.0.1'),
  /** Host names, without a port, that requests may use besides the loopback address: the name of a container. */
  names: z.array(z.string().regex(/^[a-z0-9.-]+$/)).default([]),
  port: z.int().min(0).max(65535),
  stateDir: z.string().min(1),
  source: z.strictObject({
    /** Its password may be `${env:NAME}` or `${file:PATH}`; `sslmode`, `sslrootcert`, … as `pg` has them. */
    url: databaseUrl,
    slot: z.string().min(1).nullable(),
    /** The capture's publication; null: every ordinary table is captured. */
    publication: z.string().min(1).nullable().default(null),
    /** The verifier may write a logical message to the source's WAL, so that an idle slot can pass the fence. */
    emitMessages: z.boolean().default(true),
  }),
  sink: z.strictObject({
    url: databaseUrl,
    /** Schema of the copies, and of the tables that the sink keeps for itself. */
    schema: z.string().min(1).default('public'),
    /** True: each copy is in the same schema as its table at the source. */
    sameSchemas: z.boolean().default(false),
    /** Name of the subscription, if PostgreSQL's logical replication is the pipeline. */
    subscription: z.string().min(1).nullable().default(null),
    /**
     * Whether the pipeline promises that a transaction is in the sink as a whole or not at all. Null: it is inferred.
     * PostgreSQL's logical replication promises it; a sink that applies each topic separately does not.
     */
    atomic: z.boolean().nullable().default(null),
  }),
  /** Null: there is no Kafka. The fence then consists of the slot alone, and hops are unknown. */
  kafka: kafkaSchema.nullable(),
  topicPrefix: z.string().default(''),
  connectors: z.array(connectorSchema).default([]),
  consumerGroup: z.string().nullable().default(null),
  /** Tables of the source as `schema.table`; null: all of them, published or not. */
  tables: z.array(tableName).nullable().default(null),
  /** Tables that are never compared: the signal table. */
  excludeTables: z.array(tableName).default(['public.debezium_signal']),
  /** The source's `schema.table` to the sink's table; without an entry, the names are equal. */
  tableMap: z.record(tableName, tableName).default({}),
  /** The source's `schema.table` to column names, from the source's to the sink's, if they differ. */
  columnMap: z.record(tableName, z.record(z.string(), z.string())).default({}),
  /** Column by which copies mark a row as deleted instead of deleting it. */
  softDelete: z.string().min(1).nullable().default(null),
  /** Dead-letter topics, in addition to those that the connectors' configuration names. */
  deadLetterTopics: z.array(z.string()).default([]),
  /**
   * How rows that may be in flight are distinguished from wrong ones. `slot`: exactly, through the verifier's own slot.
   * `settle`: each differing key again behind further fences. `auto`: `slot` if possible, else `settle`. `quiesce`: the
   * databases are at rest, which two equal reads confirm. `none`: one read.
   */
  fence: z.enum(['auto', 'slot', 'settle', 'quiesce', 'none']).default('auto'),
  /** Column that grows with each update of a row. Where a table has it, it distinguishes stale from corrupted rows. */
  versionColumn: z.string().default('version'),
  /** Path of the ledger that a workload writes. */
  ledger: z.string().nullable().default(null),
  /** Interval of continuous verification; null: only on request. */
  everyMs: z.int().min(100).nullable().default(null),
  /** Deadline of the fence, if the request for a verification gives none. */
  deadlineMs: z.int().positive().default(60_000),
  /** A comparison that takes longer is INCONCLUSIVE. */
  compareTimeoutMs: z.int().positive().default(600_000),
  /**
   * Longest life of a snapshot or slot that a comparison uses, and so the longest time for which a comparison holds back
   * WAL and vacuum. A table that takes longer is compared in ranges of its primary key. The slot of `adaptive` lives as
   * long as the service, but advances with the writes.
   */
  snapshotBoundMs: z.int().min(500).default(60_000),
  /** Reports kept in `GET /report/history`. */
  historyReports: z.int().positive().default(500),
  findings: findingsSchema.prefault({}),
  /** Null: changed keys are compared together with all others, every `everyMs`. */
  adaptive: adaptiveSchema.nullable().default(null),
  /** Null: every verification compares everything. Needs a slot on both sides, and the fence `auto`. */
  incremental: incrementalSchema.nullable().default(null),
  webhook: webhookSchema.nullable().default(null),
  thresholds: thresholdsSchema.prefault({}),
});
export type VerifierConfig = z.infer<typeof configSchema>;
export type VerifierConfigInput = z.input<typeof configSchema>;

/**
 * Reads a configuration file.
 * @throws LabError CDC-4001, which names the key that is wrong and, for an unknown key, the nearest known one.
 */
export function loadConfig(path: string): VerifierConfig {
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new LabError(
      'CDC-4001',
      `The verifier's configuration ${path} cannot be read: ${messageOf(cause)}.`,
      {
        remedy: 'Name a JSON file with --config.',
        cause,
      },
    );
  }
  return parseConfig(raw, path);
}

/** @throws LabError CDC-4001, as {@link loadConfig} does. */
export function parseConfig(raw: unknown, path: string): VerifierConfig {
  const result = configSchema.safeParse(raw);
  if (result.success && (result.data.incremental === null || result.data.fence === 'auto'))
    return withIds(result.data);
  const mistake = result.success
    ? 'incremental needs the fence auto.'
    : mistakeIn(result.error, { schema: configSchema, value: raw, whole: 'the file' });
  throw new LabError('CDC-4001', `The verifier's configuration ${path} is not valid: ${mistake}`, {
    remedy: 'Correct the file and start the verifier again.',
  });
}

/** The part of a configuration that names tables. */
type TableNames = Pick<VerifierConfig, 'tables' | 'excludeTables' | 'tableMap' | 'columnMap'>;

/** Names of the source's tables become their ids, so that one table has one name everywhere. */
export function withIds<T extends TableNames>(config: T): T {
  const idOf = (text: string): string => tableId(parseTable(text) ?? { schema: '', name: text });
  const byId = <T>(named: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(named).map(([text, value]) => [idOf(text), value]));
  return {
    ...config,
    tables: config.tables?.map(idOf) ?? null,
    excludeTables: config.excludeTables.map(idOf),
    tableMap: byId(config.tableMap),
    columnMap: byId(config.columnMap),
  };
}
