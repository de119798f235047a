/** Engines of the two halves of a pipeline: this repository's, or those that people use on Kafka Connect. */
export const SOURCE_ENGINES = ['ts', 'debezium'] as const;
/** Also the textbook capture (`fixtures/pipelines/textbook`), which makes people's mistakes on request. */
export const LAB_SOURCES = [...SOURCE_ENGINES, 'textbook'] as const;
export type SourceEngine = (typeof LAB_SOURCES)[number];
export const SINK_ENGINES = ['ts', 'jdbc'] as const;
export type SinkEngine = (typeof SINK_ENGINES)[number];

export interface EnginePair {
  readonly source: SourceEngine;
  readonly sink: SinkEngine;
}

export const OWN_ENGINES: EnginePair = { source: 'ts', sink: 'ts' };

/** A pair of engines as scenarios name it: `debezium+jdbc`. */
export type PairName = `${EnginePair['source']}+${EnginePair['sink']}`;

export function pairName({ source, sink }: EnginePair): PairName {
  return `${source}+${sink}`;
}

/** Settings of a Connect worker that a test or benchmark may change. */
export interface ConnectTuning {
  /** `throughput`: a larger heap and the optimising compiler. */
  readonly jvm?: 'small' | 'throughput';
  /** `offset.flush.interval.ms`. */
  readonly offsetFlushMs?: number;
  /** `scheduled.rebalance.max.delay.ms`: how long the tasks of a worker that is gone wait for it to come back. */
  readonly rebalanceDelayMs?: number;
}

type Config = Readonly<Record<string, string>>;

/** What the lab has to know about an engine. All engines take the same connector files. */
export interface Engine {
  /** Name for people to read. */
  readonly title: string;
  /** The process that hosts it: a worker of the lab's own, or one of Kafka Connect. */
  readonly host: 'worker' | 'connect';
  /** The program of its worker, as a path in the project; not for Kafka Connect. */
  readonly program?: string;
  /** Whether its process stops at crash points (`pipeline/contract/crash-points.ts`). */
  readonly crashPoints: boolean;
  /** Whether defects can be planted in it. */
  readonly defects: boolean;
  /**
   * How much longer than ours it may take to recover, in milliseconds: Connect gives up on a killed worker after its
   * 10 s session, moves the tasks, and reports progress only when it flushes offsets.
   */
  readonly allowanceMs: number;
  /** SQL that its user has to run at the source once the fixture's tables exist. */
  readonly atSource: readonly string[];
  /** Turns the connector file's configuration into what this engine takes. */
  readonly adapt: (config: Config) => Config;
}

const asItIs = (config: Config): Config => config;
const own = {
  host: 'worker',
  program: 'pipeline/worker/main.ts',
  crashPoints: true,
  defects: true,
  allowanceMs: 0,
  atSource: [],
  adapt: asItIs,
} as const;
const foreign = {
  host: 'connect',
  crashPoints: false,
  defects: false,
  allowanceMs: 60_000,
  atSource: [],
} as const;

/**
 * Debezium confirms a transaction only when a later event arrives: without a heartbeat, the slot of an idle database
 * stays one transaction behind.
 */
const HEARTBEAT = { 'heartbeat.interval.ms': '1000' };

export const SOURCES: Readonly<Record<SourceEngine, Engine>> = {
  ts: { ...own, title: 'the TypeScript capture' },
  debezium: {
    ...foreign,
    title: 'Debezium 3.6 on Kafka Connect',
    // Its snapshot has a day of the year 1711472 BC in place of an infinite date.
    atSource: ['ALTER TABLE documents DROP COLUMN IF EXISTS retired_on'],
    adapt: (config) => ({ ...HEARTBEAT, ...config }),
  },
  textbook: {
    ...own,
    title: 'the textbook capture',
    program: 'fixtures/pipelines/textbook/main.ts',
    defects: false,
  },
};

export const SINKS: Readonly<Record<SinkEngine, Engine>> = {
  ts: { ...own, title: 'the TypeScript sink' },
  jdbc: {
    ...foreign,
    title: "Debezium's JDBC sink 3.6 on Kafka Connect",
    atSource: [
      // It writes the placeholder for an unchanged TOAST value into the row, so no event may carry one.
      'ALTER TABLE documents REPLICA IDENTITY FULL',
      // JsonConverter reads NaN and the infinities as 0, and no day number is an infinite date.
      'ALTER TABLE documents DROP COLUMN IF EXISTS trend, DROP COLUMN IF EXISTS retired_on',
    ],
    // Our own key, unknown to the JDBC sink.
    adapt: ({ 'dedup.mode': _, ...config }) => config,
  },
};

export function engineOf(role: 'source' | 'sink', engines: EnginePair): Engine {
  return role === 'source' ? SOURCES[engines.source] : SINKS[engines.sink];
}

/** Whether Kafka Connect and Debezium's jars are needed. */
export function needsConnect(engines: EnginePair): boolean {
  return [SOURCES[engines.source], SINKS[engines.sink]].some((engine) => engine.host === 'connect');
}

/**
 * How long a question waits for the pipeline to catch up, unless it says so. Connect stores its progress every 10 s: the
 * capture's slot is confirmed up to 10 s late, and the sink's offsets up to 10 s after that.
 */
export function patienceMs(engines: EnginePair): number {
  return needsConnect(engines) ? 25_000 : 5_000;
}

/** `debezium → jdbc`. */
export function pairText({ source, sink }: EnginePair): string {
  return `${source} → ${sink}`;
}
