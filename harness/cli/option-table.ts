import { LIMITS } from '../../fixtures/workloads/limits.ts';
import { DEFAULT_RATE, DEFAULT_SEED } from '../lab/defaults.ts';
import type { ExternalTarget } from '../lab/external/external-control.ts';
import {
  choice,
  integer,
  LARGEST_COUNT,
  LONGEST_SECONDS,
  number,
  seconds,
  text,
  texts,
  toggle,
  type ValuesOf,
  withDefault,
} from './parse-options.ts';

/** Options that may come before or after the command's name. */
export const SHARED = {
  dir: text('--dir <folder>', 'the folder of the lab’s state (default: .lab, or $CDC_LAB_DIR)'),
  json: toggle('--json', 'print JSON'),
  debug: toggle('--debug', 'print stack traces'),
  color: toggle('--no-color', 'print without colours (so does the variable NO_COLOR)'),
};

/** Which pipeline, of those that somebody else runs. */
const TARGET = {
  config: text(
    '--config <file>',
    'the description of a pipeline that you run yourself (default: cdc-lab.config.ts or .json); docs/external.md',
  ),
  iOwnThisTarget: text(
    '--i-own-this-target <database>',
    'permission to break that database, although it is not marked',
  ),
  printConfig: toggle('--print-config', 'print the effective configuration, with secrets masked, and exit', {
    reportsOnly: true,
  }),
};

/** Options of the commands that also work on a pipeline that somebody else runs. */
export const EXTERNAL = {
  runtime: choice('--runtime <name>', ['external'], 'external: a pipeline that you run yourself'),
  ...TARGET,
};

/** The pipeline that somebody else runs, as the options name it; null if they name none. */
export function externalTargetOf({
  runtime,
  config,
  iOwnThisTarget,
  printConfig,
}: ValuesOf<typeof TARGET> & { readonly runtime?: string | undefined }): ExternalTarget | null {
  const isNamed = config !== undefined || iOwnThisTarget !== undefined || printConfig;
  if (runtime !== 'external' && !isNamed) return null;
  return { config: config ?? null, own: iOwnThisTarget ?? null };
}

const instance = withDefault(
  text('--instance <name>', 'the pipeline to look at: that of `up`, or one that a run has kept'),
  'lab',
);
const deadline = (atLeast: number, help = 'how long to wait for the pipeline to catch up') =>
  number('--deadline <seconds>', { what: 'a deadline', atLeast, atMost: LONGEST_SECONDS }, help);
const WITH_CONNECT = '25 with Kafka Connect, which stores its progress every 10 s';
const strict = toggle('--strict', 'exit with 1 on WARN');
const verbose = toggle('-v, --verbose', 'show all tables and checks, not only those that are not well');
/** @param what With its article. */
const countOf = (what: string) => ({ what, atLeast: 1, atMost: LARGEST_COUNT });
const count = integer('--count <n>', countOf('a count'), 'exit after this many reports');
/** Processes of this machine; those beyond the number of partitions are idle. */
const MOST_WORKERS = 16;
const RUNTIME_HELP = 'run the services as processes on this machine, or in containers';
const seedRange = { what: 'a seed', atLeast: LIMITS.seed.from, atMost: LIMITS.seed.to };
const seed = withDefault(integer('--seed <n>', seedRange, 'the seed of everything random'), DEFAULT_SEED);
const source = choice(
  '--source <engine>',
  ['ts', 'debezium', 'textbook'],
  'the capture: this lab’s own, Debezium on Kafka Connect, or a simple one as in tutorials',
);
const sink = choice(
  '--sink <engine>',
  ['ts', 'jdbc'],
  'the sink: this lab’s own, or Debezium’s JDBC sink on Kafka Connect',
);
const brokers = choice(
  '--brokers <n>',
  [1, 3],
  'how many Kafka brokers a new lab has; a cluster of 3 survives the loss of one',
);
const sinkWorkers = integer(
  '--sink-workers <n>',
  { what: 'a number of workers', atLeast: 1, atMost: MOST_WORKERS },
  'the processes that share the sink’s consumer group',
);
const kind = texts('--kind <name>', 'the scenarios of this kind, a folder of scenarios/');
/** Values that a step of a scenario may leave to the command line. */
const TUNABLES = {
  rows: integer(
    '--rows <n>',
    { what: 'a row count', atLeast: LIMITS.rows.from, atMost: LIMITS.rows.to },
    'the historical rows of a backfill',
  ),
  seconds: number(
    '--seconds <n>',
    { what: 'a time', atLeast: 0, atMost: LONGEST_SECONDS },
    'how long to hold a pause, at least',
  ),
};

export const UP = {
  rate: integer(
    '--rate <n>',
    { what: 'a rate', atLeast: LIMITS.rate.from, atMost: LIMITS.rate.to },
    `how many transactions to write per second; changes the rate of a lab that is up (a new lab: ${DEFAULT_RATE})`,
  ),
  writer: toggle('--no-writer', 'write nothing; stops the writer of a lab that is up', {
    conflicts: ['rate'],
  }),
  source,
  sink,
  runtime: choice('--runtime <name>', ['process', 'docker'], RUNTIME_HELP),
  brokers,
  sinkWorkers,
  alertLag: integer(
    '--alert-lag <n>',
    countOf('a number of events'),
    'alert when the sink is this many events behind (default: 10000)',
  ),
  dedup: choice(
    '--dedup <mode>',
    ['lsn', 'table', 'none'],
    'how the lab’s own sink finds repeated events: by the position in each row (lsn), by a table of all of them, or not at all',
  ),
  seed: integer(
    '--seed <n>',
    seedRange,
    `the seed of everything random (a new lab: ${DEFAULT_SEED}); a lab keeps its own`,
  ),
};

export const CLEAN = {
  keepRuns: toggle('--keep-runs', 'keep the journals of runs'),
  ...EXTERNAL,
};

/** In the order of the line that reproduces a run. */
export const RUN = {
  all: toggle('--all', 'run every scenario', { conflicts: ['lessons', 'kind'] }),
  lessons: toggle('--lessons', 'run the five lessons'),
  kind,
  variant: choice('--variant <name>', ['sound', 'naive'], 'run this variant of the pipeline only'),
  pipeline: text(
    '--pipeline <name>',
    'a pipeline that the lab did not write: one of fixtures/pipelines, or a file of your own',
    { conflicts: ['source', 'sink', 'variant', 'swap'] },
  ),
  runtime: choice(
    '--runtime <name>',
    ['process', 'docker', 'external'],
    `${RUNTIME_HELP}; external: a pipeline that you run yourself`,
  ),
  ...TARGET,
  brokers,
  sinkWorkers: { ...sinkWorkers, conflicts: ['pipeline'] },
  source: withDefault(source, 'ts'),
  sink: withDefault(sink, 'ts'),
  ...TUNABLES,
  op: toggle('--no-op', 'leave out every injection: each verdict must be INCONCLUSIVE', { hidden: true }),
  swap: toggle('--swap', 'swap sound and naive pipelines: no verdict may be as expected', { hidden: true }),
  repeat: withDefault(
    integer(
      '--repeat <n>',
      { what: 'a number of rounds', atLeast: 1, atMost: 1_000_000 },
      'how many rounds to run; each uses the next seed',
    ),
    1,
  ),
  seed,
  junit: text('--junit <file>', 'also write the results to this file, as JUnit XML', { reportsOnly: true }),
  githubSummary: toggle('--github-summary', 'also append the results to $GITHUB_STEP_SUMMARY, as a table', {
    reportsOnly: true,
  }),
  keep: toggle('--keep', 'keep a pipeline whose verdict is not PASS, or not the expected one', {
    reportsOnly: true,
  }),
};

/** A folder of `scenarios/`; which there are is found on disk. */
export const SCENARIOS = { kind };

export const TRIGGER = { ...TUNABLES, seed, ...EXTERNAL };

export const STATUS = {
  verbose,
  strict,
  deadline: deadline(0, `answer within this time, all waiting included (default: 10, and ${WITH_CONNECT})`),
  instance,
  ...EXTERNAL,
};

export const WATCH = {
  verbose,
  interval: withDefault(
    number(
      '--interval <seconds>',
      { what: 'an interval', atLeast: 0.2, atMost: LONGEST_SECONDS },
      'the pause between two verifications',
    ),
    2,
  ),
  count,
  instance,
  ...EXTERNAL,
};

export const LOOK = { instance, ...EXTERNAL };

export const ENV = {
  showPassword: toggle('--show-password', 'also print the password of the lab’s databases'),
  instance,
  ...EXTERNAL,
};

export const LOGS = {
  lines: withDefault(integer('-n, --lines <n>', countOf('a count'), 'the number of lines to print'), 50),
  follow: toggle('-f, --follow', 'keep printing what the service writes'),
};

export const CONSUME = {
  fromBeginning: toggle('--from-beginning', 'start at the oldest record, not at the newest ones'),
  max: withDefault(integer('--max <n>', countOf('a count'), 'exit after this many records'), 10),
  follow: toggle('--follow', 'keep printing records as they arrive'),
  ...EXTERNAL,
};

export const VERIFY = {
  source: text(
    '--source <url>',
    'the source: postgres://user@host:port/database (or the variable CDC_LAB_SOURCE_URL)',
  ),
  sink: text('--sink <url>', 'the sink, its copy (or the variable CDC_LAB_SINK_URL)'),
  tables: texts('--tables <names>', 'compare these tables only, as schema.table of the source'),
  excludeTables: texts('--exclude-tables <names>', 'leave out these tables'),
  map: texts('--map <source=sink>', 'a table, or a column of one, that has another name in the sink'),
  softDelete: text(
    '--soft-delete <column>',
    'the column in which the sink marks rows as deleted instead of deleting them',
  ),
  fence: withDefault(
    choice(
      '--fence <kind>',
      ['slot', 'quiesce', 'none'],
      'slot: exact under writes; quiesce: two equal reads; none: one read',
    ),
    'slot',
  ),
  progressSlot: text('--progress-slot <name>', 'the pipeline’s replication slot on the source'),
  subscription: text('--subscription <name>', 'the sink’s subscription, for native logical replication'),
  deadline: withDefault(deadline(0.1), 60),
  snapshotBound: withDefault(
    number(
      '--snapshot-bound <seconds>',
      { what: 'a bound', atLeast: 0.5, atMost: LONGEST_SECONDS },
      'how long a snapshot may live; tables that take longer are compared in parts',
    ),
    60,
  ),
  once: toggle('--once', 'verify once; the default'),
  every: seconds('--every <seconds>', 'verify again at this interval, until Ctrl-C', { conflicts: ['once'] }),
  count,
  versionColumn: withDefault(
    text('--version-column <name>', 'a column that grows with each update of a row'),
    'version',
  ),
  repair: text('--repair <file>', 'write SQL that would repair the sink to this file; it is never run', {
    conflicts: ['every', 'softDelete'],
  }),
  republish: text(
    '--republish <file>',
    'write signals for Debezium’s signal table that would republish the wrong rows to this file; they are never run',
    { conflicts: ['every'] },
  ),
  passwordStdin: toggle(
    '--password-stdin',
    'read the source’s password from the first line of stdin, and the sink’s from the second',
  ),
  state: text(
    '--state <folder>',
    'remember in this folder what is seen, so that the next verification can tell a fault that is over from one of now',
  ),
  verbose,
  strict,
  ...EXTERNAL,
};

export const EXPLAIN = {
  max: withDefault(
    integer('--max <n>', countOf('a count'), 'the number of commits and records to show, the latest ones'),
    100,
  ),
  values: toggle('--values', 'show the row’s values too'),
  deadline: deadline(0, `how long to wait for the pipeline to catch up (default: 5, and ${WITH_CONNECT})`),
  instance,
  ...EXTERNAL,
};

/** Of every command that changes a pipeline to recover it. */
const RECOVERY = {
  dryRun: toggle('--dry-run', 'print what it would do, and the commands that do it by hand; change nothing'),
  yes: toggle('--yes', 'go on without a question where something is lost'),
  deadline: withDefault(deadline(1, 'how long a wait within it may take'), 120),
  ...LOOK,
};

export const CONNECTORS = {
  onlyFailed: toggle('--only-failed', 'restart: only those tasks that have failed'),
  remove: texts('--remove <key>', 'set: remove this key; may be repeated'),
  ...RECOVERY,
};

export const SLOT = RECOVERY;
export const DEAD_LETTERS = RECOVERY;
export const UPGRADE = RECOVERY;
export const REPAIR = RECOVERY;
export const TOPICS = { all: toggle('--all', 'list: internal topics too'), ...RECOVERY };
export const DEDUPE = {
  addKey: toggle('--add-key', 'also make the source’s primary key that of the sink’s table'),
  ...RECOVERY,
};

export const SNAPSHOT = {
  where: text('--where <condition>', 'only rows for which this SQL is true; for one table'),
  blocking: toggle('--blocking', 'in one go, while the stream waits'),
  sweep: toggle('--sweep', 'then delete the rows of the sink that the snapshot did not see'),
  ...RECOVERY,
};

export const OFFSETS = {
  to: text('--to <offset>', 'reset: earliest, latest, or the next offset to read'),
  topic: text('--topic <name>', 'this topic only'),
  partition: integer(
    '--partition <n>',
    { what: 'a partition', atLeast: 0, atMost: 1_000_000 },
    'this partition only',
  ),
  ...RECOVERY,
};

export type UpFlags = ValuesOf<typeof UP>;
export type CleanFlags = ValuesOf<typeof CLEAN>;
export type RunFlags = ValuesOf<typeof RUN>;
export type ScenariosFlags = ValuesOf<typeof SCENARIOS>;
export type TriggerFlags = ValuesOf<typeof TRIGGER>;
export type StatusFlags = ValuesOf<typeof STATUS>;
export type WatchFlags = ValuesOf<typeof WATCH>;
export type LookFlags = ValuesOf<typeof LOOK>;
export type EnvFlags = ValuesOf<typeof ENV>;
export type LogsFlags = ValuesOf<typeof LOGS>;
export type TopicsFlags = ValuesOf<typeof TOPICS>;
export type ConsumeFlags = ValuesOf<typeof CONSUME>;
export type VerifyFlags = ValuesOf<typeof VERIFY>;
export type ExplainFlags = ValuesOf<typeof EXPLAIN>;
export type RecoveryFlags = ValuesOf<typeof RECOVERY>;
export type ConnectorsFlags = ValuesOf<typeof CONNECTORS>;
export type DedupeFlags = ValuesOf<typeof DEDUPE>;
export type SnapshotFlags = ValuesOf<typeof SNAPSHOT>;
export type OffsetsFlags = ValuesOf<typeof OFFSETS>;
