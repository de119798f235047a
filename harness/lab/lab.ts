/**
 * `harness/lab`: a lab: servers, and pipelines on them that may be broken.
 * In: what is wanted (`UpOptions`, `InstanceSpec`, `WorkloadSpec`) and a folder for the lab's state.
 * Out: `Lab` and `Instance` handles; a `Runtime` that acts on services and proves what it did.
 * Promises: the callers' code is the same for processes, containers and external targets; what a runtime
 * cannot do is left out of it, never faked.
 */

import type { Health } from '../../fixtures/pipelines/lib/pipeline.ts';
import type { VerifierConfig } from '../../verifier/config.ts';
import type { KafkaConnection } from '../../verifier/connection/kafka.ts';
import type { ConnectClientOptions } from '../connect/connect-client.ts';
import type { ConnectTuning, EnginePair } from './engines.ts';
import type { Proof, Runtime, ServiceInfo } from './runtime.ts';

/** What a person can choose about a pipeline of the lab's own; `up` and `run` pass it on unchanged. */
export interface PipelineChoice {
  /** What carries the events. Default: the TypeScript pipeline. */
  readonly engines?: EnginePair | undefined;
  readonly connect?: ConnectTuning | undefined;
  /** Processes that share the sink's consumer group, with one task each (`tasks.max`). Default 1. */
  readonly sinkWorkers?: number | undefined;
  /**
   * How many events behind raise the verifier's lag alert and degrade the health of the lab's own sink. Default: their
   * own bounds.
   */
  readonly alertLag?: number | undefined;
}

/** Tables and columns beside those of the fixture schema. */
export interface AtSource {
  /** Run one after another when the fixture tables have their rows, before the pipeline starts. */
  readonly sql: readonly string[];
  /** The tables among it that the pipeline carries besides the fixture tables, as `schema.table`, without quotes. */
  readonly tables: readonly string[];
}

/** The servers that a pipeline can have for itself, where what breaks one would break the others' too. */
export const PRIVATE_SERVERS = ['pg-source', 'pg-sink', 'kafka'] as const;
export type PrivateServer = (typeof PRIVATE_SERVERS)[number];

/** A pipeline to be set up on the lab's servers, with its own databases, slot, topics, workers and verifier. */
export interface InstanceSpec extends PipelineChoice {
  /**
   * Lower-case letters, digits and `-`: `lab`, `restart-naive-3f2a`. Part of the names of its databases, slot and
   * topics.
   */
  readonly name: string;
  /** Files in `fixtures/connectors/`, without `.json`, and keys to change in them. */
  readonly source: { readonly file: string; readonly overrides?: Readonly<Record<string, string>> };
  readonly sink: { readonly file: string; readonly overrides?: Readonly<Record<string, string>> };
  /** File of a foreign pipeline, used in place of the lab's: `fixtures/pipelines/`. */
  readonly pipeline?: string;
  readonly atSource?: AtSource;
  /** Servers that are started for it and go with it; it shares the lab's others. */
  readonly private?: readonly PrivateServer[];
  /** Names of files in `fixtures/defects/`, per worker. */
  readonly defects?: { readonly capture?: readonly string[]; readonly sink?: readonly string[] };
  /** WAL that the slot may keep before the verifier alerts. Default: the verifier's own bound. */
  readonly walBudgetBytes?: number;
  /** Interval of continuous verification; null: only on request. */
  readonly verifyEveryMs: number | null;
  /** Rows per fixture table before the pipeline starts, so that there is something to snapshot. */
  readonly seedRows: number;
  readonly seed: number;
}

export interface WorkloadSpec {
  readonly kind: 'mixed' | 'insert-only' | 'update-only' | 'backfill' | 'tiered';
  /** Transactions per second; 0: as fast as they go. */
  readonly rate: number;
  readonly seed: number;
  /** Ends after this many; null: runs until it is stopped. */
  readonly transactions: number | null;
  /** For `backfill`: rows to insert. */
  readonly rows?: number;
}

export interface StartedWorkload {
  readonly service: string;
  /** Resolves with the counts when the process has ended by itself. */
  readonly finished: Promise<WorkloadSummary>;
  /** SIGTERM: finishes the current transaction, then ends. */
  stop(): Promise<WorkloadSummary>;
}
export interface WorkloadSummary {
  readonly committed: number;
  readonly failed: number;
  readonly unknown: number;
  /** What the database said of the first transaction that failed; left out if none did. */
  readonly firstError?: string;
}

/** One of several processes of the sink. */
export interface SinkWorker {
  readonly service: string;
  /** Base URL of its REST API. */
  readonly url: string;
}

/** A foreign pipeline, written by other people, set up in an instance. */
export interface PlacedPipeline {
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  health(): Promise<Health>;
}

/** How to reach the pipeline of an external lab: logins and certificates. The lab runs no verifier process for it. */
export interface Reach {
  readonly kafka: KafkaConnection;
  /** REST API of each connector's cluster. */
  readonly connect: Readonly<Record<'capture' | 'sink', ConnectClientOptions>>;
  /** Sessions on the databases may only read. */
  readonly readOnly: boolean;
  /** For a verification within this process; with the ledger, if one exists by then. */
  readonly verifierConfig: () => VerifierConfig;
}

/** A pipeline that is set up. */
export interface Instance extends AsyncDisposable {
  readonly name: string;
  /** State, connector files, ledger. */
  readonly dir: string;
  /** Connection strings without the password; it is in PGPASSWORD of the lab's processes. */
  readonly sourceUrl: string;
  readonly sinkUrl: string;
  readonly bootstrapServers: readonly string[];
  readonly topicPrefix: string;
  /** Servers that it shares with nobody: `pg-source` is then the service `pg-source@NAME`. Left out: none. */
  readonly privateServers?: readonly PrivateServer[];
  readonly slot: string;
  readonly publication: string;
  readonly consumerGroup: string;
  readonly engines: EnginePair;
  /** {@link PipelineChoice.alertLag} that is in effect; undefined if it was never set. */
  readonly alertLag?: number | undefined;
  /** Set if a foreign pipeline replaces the lab's. */
  readonly pipeline?: PlacedPipeline;
  readonly connectors: { readonly source: string; readonly sink: string };
  readonly services: { readonly capture: string; readonly sink: string; readonly verifier: string };
  /** Base URLs of the REST APIs. */
  readonly captureUrl: string;
  readonly sinkWorkerUrl: string;
  /** The sink's further workers: each runs a task of the same connector, in the same consumer group. */
  readonly moreSinks?: readonly SinkWorker[];
  readonly verifierUrl: string;
  readonly ledgerPath: string;
  /** Set in an external lab; the lab's own pipelines need only their addresses. */
  readonly reach?: Reach;
  startWorkload(spec: WorkloadSpec): Promise<StartedWorkload>;
  /** Stops its processes, drops slot, databases and topics. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The workload that `up` starts, and that is to run until it is told to stop. */
export interface LabWriter {
  readonly service: string;
  /** Transactions per second; 0: there is to be none. */
  readonly rate: number;
  readonly state: ServiceInfo['state'];
  readonly log: string;
}

export interface Lab {
  readonly dir: string;
  readonly runId: string;
  readonly runtime: Runtime;
  /** The instance of that name, if it is ready. `lab` is the one that `up` makes. */
  instance(name: string): Promise<Instance | undefined>;
  createInstance(spec: InstanceSpec): Promise<Instance>;
  /** The target's engines, if the lab cannot choose them. */
  readonly engines?: EnginePair;
  /** The servers that it can start for one pipeline alone. Left out: none. */
  readonly privateServers?: readonly PrivateServer[];
  /** Why this lab cannot host such a pipeline; null if it can. Left out: it can host any. */
  cannotHost?(spec: Pick<InstanceSpec, 'source' | 'sink' | 'defects' | 'atSource'>): Promise<string | null>;
  /**
   * Sets {@link PipelineChoice.alertLag}, null for its default, and restarts the services that read it only when they
   * start. Left out: this lab cannot set it.
   * @returns the restarted services; none if the bound is in effect already.
   */
  setAlertLag?(instance: string, events: number | null): Promise<readonly string[]>;
  /**
   * Restarts the workers of an instance without the defects that were planted in them. Left out: this lab plants none.
   * @returns the restarted services; none if nothing was planted.
   */
  upgrade?(instance: string): Promise<readonly string[]>;
  /** The defects that are planted in an instance, by worker. Left out: none. */
  defectsOf?(instance: string): InstanceSpec['defects'];
  /**
   * Keeps an instance when the process that made it ends; `down` drops it. Left out: instances are not dropped anyway.
   * @throws where it cannot be recorded: then the next `up` drops it.
   */
  keep?(instance: string): Promise<void>;
  /**
   * Drops the instances, and ends the processes, that a killed command left behind; to be called with the lab held.
   * Left out: the lab makes nothing that could be left.
   * @returns what was done, as sentences.
   */
  dropLeftovers?(): Promise<readonly string[]>;
  /** The writer of the instance `lab`; undefined if the lab never had one. Left out: the lab starts none by itself. */
  writer?(): Promise<LabWriter | undefined>;
  /** @throws where this lab may only be looked at. Left out: it may be broken. */
  mayBreak?(): void;
}

/** A pipeline that a run has kept, and that `down` could not drop: the next `up` drops it. */
export interface NotDropped {
  readonly name: string;
  readonly reason: string;
}

export interface LabControl {
  /** Starts or repairs everything; a no-op if all is well. */
  up(options: UpOptions): Promise<Lab>;
  /** Stops everything, keeps data and slot. @param notDropped Called for each kept pipeline that is still there. */
  down(dir: string, notDropped?: (one: NotDropped) => void): Promise<readonly Proof[]>;
  /** Drops the slot, removes the data. @param keepRuns Leave the journals of runs where they are. */
  clean(dir: string, keepRuns?: boolean): Promise<void>;
  /** Opens the lab in that folder without starting anything; undefined if there is none. */
  open(dir: string): Promise<Lab | undefined>;
}
/** `dedup.mode` of the lab's own sink: by the position in each row, by a table of applied events, or not at all. */
export type DedupMode = 'lsn' | 'table' | 'none';

/** The {@link PipelineChoice} is for the instance `lab`. What its engines need is fetched even without that instance. */
export interface UpOptions extends Omit<PipelineChoice, 'connect'> {
  readonly dir: string;
  /**
   * Transactions per second of the lab's writer; 0: none, and one that runs is stopped. Default: the rate that the lab
   * has, {@link DEFAULT_RATE} for a new one.
   */
  readonly rate?: number | undefined;
  /** Default: {@link DEFAULT_SEED}. An existing pipeline keeps its own, and refuses another. */
  readonly seed?: number | undefined;
  /** False: servers only, no `lab` instance (what `run` needs). */
  readonly withInstance: boolean;
  /** Brokers of a new lab. Default 1. An existing lab keeps its brokers and refuses another number. */
  readonly brokers?: number | undefined;
  /** Of the instance `lab`, new or existing. Default: `lsn` for a new one, unchanged for an existing one. */
  readonly dedup?: DedupMode | undefined;
  /** Called with one line for each step. */
  readonly progress: (step: string) => void;
  readonly signal?: AbortSignal;
}
