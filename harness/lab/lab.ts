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
import type { Proof, Runtime } from './runtime.ts';

/** What a person can choose about a pipeline of the lab's own; `up` and `run` hand it on as it is. */
export interface PipelineChoice {
  /** What carries the events; the TypeScript pipeline where it is left out. */
  readonly engines?: EnginePair | undefined;
  readonly connect?: ConnectTuning | undefined;
  /** Processes that share the sink's consumer group; 1 where it is left out. As many tasks: `tasks.max`. */
  readonly sinkWorkers?: number | undefined;
  /**
   * Events behind from which lag is an alert of the verifier, and degrades the health of the lab's own sink. Their own
   * bounds where it is left out.
   */
  readonly alertLag?: number | undefined;
}

/** A pipeline to be set up on the lab's servers: databases, slot, topics, workers and verifier of its own. */
export interface InstanceSpec extends PipelineChoice {
  /** Lower-case letters, digits and `-`: `lab`, `restart-naive-3f2a`. Databases, slot, topics carry it. */
  readonly name: string;
  /** Files in `fixtures/connectors/`, without `.json`, and keys to change in them. */
  readonly source: { readonly file: string; readonly overrides?: Readonly<Record<string, string>> };
  readonly sink: { readonly file: string; readonly overrides?: Readonly<Record<string, string>> };
  /** File of a pipeline that somebody else wrote, which stands in place of the lab's: `fixtures/pipelines/`. */
  readonly pipeline?: string;
  /** Names of files in `fixtures/defects/`, per worker. */
  readonly defects?: { readonly capture?: readonly string[]; readonly sink?: readonly string[] };
  /** Continuous verification every so often; null: only on request. */
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
  /** Ends after so many; null: runs until it is stopped. */
  readonly transactions: number | null;
  /** For `backfill`: rows to insert. */
  readonly rows?: number;
}

export interface StartedWorkload {
  readonly service: string;
  /** Resolves with the counts when the process has ended by itself. */
  readonly finished: Promise<WorkloadSummary>;
  /** SIGTERM: ends after the transaction in hand. */
  stop(): Promise<WorkloadSummary>;
}
export interface WorkloadSummary {
  readonly committed: number;
  readonly failed: number;
  readonly unknown: number;
}

/** One of several processes of the sink. */
export interface SinkWorker {
  readonly service: string;
  /** Base URL of its REST API. */
  readonly url: string;
}

/** A pipeline that somebody else wrote, in its place in an instance. */
export interface PlacedPipeline {
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  health(): Promise<Health>;
}

/** How to reach a pipeline that somebody else runs: logins and certificates, and no verifier process of the lab's. */
export interface Reach {
  readonly kafka: KafkaConnection;
  /** REST API of each connector's cluster. */
  readonly connect: Readonly<Record<'capture' | 'sink', ConnectClientOptions>>;
  /** Sessions on the databases may only read. */
  readonly readOnly: boolean;
  /** For a verification within this process, as things stand. */
  readonly verifierConfig: () => VerifierConfig;
}

/** A pipeline that stands. */
export interface Instance extends AsyncDisposable {
  readonly name: string;
  /** State, connector files, ledger. */
  readonly dir: string;
  /** Connection strings without the password; it is in PGPASSWORD of the lab's processes. */
  readonly sourceUrl: string;
  readonly sinkUrl: string;
  readonly bootstrapServers: readonly string[];
  readonly topicPrefix: string;
  readonly slot: string;
  readonly publication: string;
  readonly consumerGroup: string;
  readonly engines: EnginePair;
  /** {@link PipelineChoice.alertLag}, as it is in effect; undefined where nobody has set it. */
  readonly alertLag?: number | undefined;
  /** Where somebody else's pipeline stands in place of the lab's. */
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
  /** Of a pipeline that somebody else runs; the lab's own are reached by their addresses alone. */
  readonly reach?: Reach;
  startWorkload(spec: WorkloadSpec): Promise<StartedWorkload>;
  /** Stops its processes, drops slot, databases and topics. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Lab {
  readonly dir: string;
  readonly runId: string;
  readonly runtime: Runtime;
  /** The instance of that name, if it stands. `lab` is the one that `up` makes. */
  instance(name: string): Promise<Instance | undefined>;
  createInstance(spec: InstanceSpec): Promise<Instance>;
  /** The engines that there are, where these are not the lab's to choose. */
  readonly engines?: EnginePair;
  /** Why no such pipeline can be had here; null where it can. Left out: any can. */
  cannotHost?(spec: Pick<InstanceSpec, 'source' | 'sink' | 'defects'>): Promise<string | null>;
  /**
   * Sets from how many events behind lag is an alert, and restarts those services that read the bound when they start;
   * null sets the bounds of {@link PipelineChoice.alertLag}'s default. Left out: this lab cannot set it.
   * @returns The restarted services: none where the bound is in effect already.
   */
  setAlertLag?(instance: string, events: number | null): Promise<readonly string[]>;
  /** @throws where this lab is only looked at. Left out: it may be broken. */
  mayBreak?(): void;
}

export interface LabControl {
  /** Starts or repairs everything; a no-op where all is well. */
  up(options: UpOptions): Promise<Lab>;
  /** Stops everything, keeps data and slot. */
  down(dir: string): Promise<readonly Proof[]>;
  /** Drops the slot, removes the data. */
  clean(dir: string): Promise<void>;
  /** The lab in that folder as it stands, without starting anything; undefined where there is none. */
  open(dir: string): Promise<Lab | undefined>;
}
/** {@link PipelineChoice} is that of the instance `lab`; also without it, what its engines need is fetched. */
/** `dedup.mode` of the lab's own sink: by the position in the row, by a table of what was applied, not at all. */
export type DedupMode = 'lsn' | 'table' | 'none';

export interface UpOptions extends Omit<PipelineChoice, 'connect'>, Pick<InstanceSpec, 'seed'> {
  readonly dir: string;
  /** Transactions per second of the workload that `up` starts; 0 for none. */
  readonly rate: number;
  /** False: servers only, no `lab` instance (what `run` needs). */
  readonly withInstance: boolean;
  /** Of a lab that is new: 1 where it is left out. One that is there keeps its own, and refuses another number. */
  readonly brokers?: number | undefined;
  /** Of the instance `lab`, whether it is new or not; left out: as it is, or `lsn` where it is new. */
  readonly dedup?: DedupMode | undefined;
  /** Called with one line for each step. */
  readonly progress: (step: string) => void;
  readonly signal?: AbortSignal;
}
