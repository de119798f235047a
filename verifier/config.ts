import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { LabError, messageOf } from '../pipeline/contract/errors.ts';
import { nearest } from '../pipeline/contract/nearest.ts';
import { plainTextProblem } from './connection/http.ts';
import { kafkaSchema } from './connection/kafka.ts';
import { isBaseUrl, queryProblem } from './connection/postgres-url.ts';
import { secretSchema } from './connection/secret.ts';

const baseUrl = z.url().refine(isBaseUrl, 'a base URL has no query part and no fragment');

const connectorSchema = z
  .strictObject({
    name: z.string().min(1),
    /** Base URL of the worker's REST API. */
    url: baseUrl,
    /** Of further workers of the same Connect cluster: any of them answers where that one does not. */
    otherUrls: z.array(baseUrl).default([]),
    type: z.enum(['source', 'sink']),
    /** HTTP basic authentication, where the worker asks for it. */
    auth: z
      .strictObject({ username: z.string().min(1), password: secretSchema })
      .nullable()
      .default(null),
    /** PEM file of the authorities that may have signed the worker's certificate; null: those that Node.js trusts. */
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
  /** An alert (WARN) above so many events behind. */
  lagEvents: z.int().positive().default(10_000),
  /** An alert (WARN) when the oldest unapplied event is older. */
  lagMs: z.int().positive().default(300_000),
  /** WARN when the lag reaches this share of the topic's retention. */
  retentionShare: z.number().positive().max(1).default(0.8),
  /** WAL that the slot may retain, where `max_slot_wal_keep_size` sets no bound. */
  walBudgetBytes: z
    .int()
    .positive()
    .default(4 * 1024 ** 3),
  walBudgetShare: z.number().positive().max(1).default(0.8),
  /** Objective for the 99th percentile from commit to sink; null: reported, not judged. */
  freshnessP99Ms: z.number().positive().nullable().default(null),
  /** Wrong keys that are read again one by one; what is beyond is counted by scan. */
  maxSettledKeys: z.int().positive().default(20_000),
  /** Times that a differing key is compared again behind a new fence. */
  settleRounds: z.int().positive().default(5),
  /** Keys, and bytes of the slot's stream, that may be written while an exact comparison runs. */
  touchedKeys: z.int().positive().default(2_000_000),
  touchedBytes: z
    .int()
    .positive()
    .default(128 * 1024 ** 2),
  /** Rows of a table that are compared in one piece at most; null: as many as `snapshotBoundMs` leaves time for. */
  rowsPerPart: z.int().min(100).nullable().default(null),
});

/** What has healed is forgotten after so long, and beyond so many. */
const findingsSchema = z.strictObject({
  keepDays: z.number().positive().default(30),
  keep: z.int().nonnegative().default(10_000),
});

/** Changed rows at once, by a slot of the verifier's own; all rows in the background, at a share of the time. */
const adaptiveSchema = z.strictObject({
  /** What was written is looked at so often. */
  touchedEveryMs: z.int().min(100).default(1_000),
  /** Keys looked at by themselves each time; what is beyond waits for the next full verification. */
  keysPerRound: z.int().positive().default(5_000),
  /** Of the time that full verifications may take: 0.1 leaves nine times as long in between as the last one took. */
  share: z.number().positive().max(1).default(0.1),
});

/** Is told of every change of the verdict. */
const webhookSchema = z.strictObject({
  /** May hold `${env:NAME}`, as the headers may. */
  url: z.string().regex(/^(https?:\/\/|\$\{env:)/, 'must begin with http:// or https://'),
  headers: z.record(z.string(), z.string()).default({}),
  attempts: z.int().min(1).max(20).default(6),
  firstRetryMs: z.int().positive().default(500),
  timeoutMs: z.int().positive().default(10_000),
});

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
  /** Host names that requests may carry beside its own loopback address, without a port: what a container is called. */
  names: z.array(z.string().regex(/^[a-z0-9.-]+$/)).default([]),
  port: z.int().min(0).max(65535),
  stateDir: z.string().min(1),
  source: z.strictObject({
    /** Its password may be `${env:NAME}` or `${file:PATH}`; `sslmode`, `sslrootcert`, … as `pg` has them. */
    url: databaseUrl,
    slot: z.string().min(1).nullable(),
    /** What is captured; null: every ordinary table. */
    publication: z.string().min(1).nullable().default(null),
    /** The verifier may write a logical message to the source's WAL, so that an idle slot can pass the fence. */
    emitMessages: z.boolean().default(true),
  }),
  sink: z.strictObject({
    url: databaseUrl,
    /** Schema of the copies, and of what the sink keeps for itself. */
    schema: z.string().min(1).default('public'),
    /** Each copy is in the schema that its table has at the source. */
    sameSchemas: z.boolean().default(false),
    /** Of PostgreSQL's own logical replication, where that is the pipeline. */
    subscription: z.string().min(1).nullable().default(null),
    /**
     * The pipeline promises that a transaction is in the sink as a whole or not at all. Null: as is known of it, which
     * is yes of PostgreSQL's own logical replication, and no where each topic is applied by itself.
     */
    atomic: z.boolean().nullable().default(null),
  }),
  /** Null: no Kafka; the slot alone makes the fence, and hops are not attributed. */
  kafka: kafkaSchema.nullable(),
  topicPrefix: z.string().default(''),
  connectors: z.array(connectorSchema).default([]),
  consumerGroup: z.string().nullable().default(null),
  /** `schema.table` of the source; null: every one that it has, published or not. */
  tables: z.array(z.string().min(1)).nullable().default(null),
  /** Never compared: the signal table. */
  excludeTables: z.array(z.string()).default(['public.debezium_signal']),
  /** Source's `schema.table` to the sink's table; without an entry the names are equal. */
  tableMap: z.record(z.string(), z.string()).default({}),
  /** Source's `schema.table` to names of columns: the source's to the sink's, where these differ. */
  columnMap: z.record(z.string(), z.record(z.string(), z.string())).default({}),
  /** Column by which copies mark a row as deleted instead of deleting it. */
  softDelete: z.string().min(1).nullable().default(null),
  /** Topics of dead letters; what the connectors' configuration names is added. */
  deadLetterTopics: z.array(z.string()).default([]),
  /**
   * How rows that may be on their way are told from wrong ones. `slot`: exactly, by a slot of the verifier's own.
   * `settle`: each key behind a fence of its own. `auto`: by the slot where that can be, else `settle`. `quiesce`: two
   * equal reads. `none`: one read.
   */
  fence: z.enum(['auto', 'slot', 'settle', 'quiesce', 'none']).default('auto'),
  /** Column that grows with each update of a row, where a table has it: tells stale from corrupted. */
  versionColumn: z.string().default('version'),
  ledger: z.string().nullable().default(null),
  /** Continuous verification every so often; null: only on request. */
  everyMs: z.int().min(100).nullable().default(null),
  /** For a verification whose request names none. */
  deadlineMs: z.int().positive().default(60_000),
  /** A comparison that takes longer is INCONCLUSIVE. */
  compareTimeoutMs: z.int().positive().default(600_000),
  /**
   * No snapshot that the verifier compares in, and no slot that it compares by, lives longer: for so long at most a
   * comparison holds back WAL and vacuum. A table that takes longer is compared in ranges of its primary key. The slot
   * of the watch (`adaptive`) lives as long as the service, and follows what is written.
   */
  snapshotBoundMs: z.int().min(500).default(60_000),
  /** Reports kept in `GET /report/history`. */
  historyReports: z.int().positive().default(500),
  findings: findingsSchema.prefault({}),
  /** Null: keys that change are looked at with all others, every {@link everyMs}. */
  adaptive: adaptiveSchema.nullable().default(null),
  webhook: webhookSchema.nullable().default(null),
  thresholds: thresholdsSchema.prefault({}),
});
export type VerifierConfig = z.infer<typeof configSchema>;
export type VerifierConfigInput = z.input<typeof configSchema>;

/**
 * Reads a configuration file.
 * @throws LabError CDC-4001 naming the path of what is wrong and, for an unknown key, the nearest known one.
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

/** @throws LabError CDC-4001, as {@link loadConfig}. */
export function parseConfig(raw: unknown, path: string): VerifierConfig {
  const result = configSchema.safeParse(raw);
  if (result.success) return result.data;
  const problems = result.error.issues.map(describeIssue);
  throw new LabError(
    'CDC-4001',
    `The verifier's configuration ${path} is not valid: ${problems.join('; ')}.`,
    {
      remedy: 'Correct the file and start the verifier again.',
      cause: result.error,
    },
  );
}

const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(configSchema.shape),
  source: Object.keys(configSchema.shape.source.shape),
  sink: Object.keys(configSchema.shape.sink.shape),
  kafka: Object.keys(kafkaSchema.shape),
  connectors: Object.keys(connectorSchema.shape),
  thresholds: Object.keys(thresholdsSchema.shape),
  findings: Object.keys(findingsSchema.shape),
  adaptive: Object.keys(adaptiveSchema.shape),
  webhook: Object.keys(webhookSchema.shape),
};

function describeIssue(issue: z.core.$ZodIssue): string {
  const at = issue.path.length === 0 ? 'the file' : issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return `${at}: ${issue.message}`;
  const known = KNOWN_KEYS[String(issue.path[0] ?? '')] ?? [];
  return issue.keys
    .map((key) => {
      const near = nearest(key, known);
      const path = [...issue.path, key].join('.');
      return near === undefined ? `${path} is not known` : `${path} is not known; did you mean ${near}?`;
    })
    .join('; ');
}
