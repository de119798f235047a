import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VerifierConfigInput } from '../../../verifier/config.ts';
import { type ConnectTuning, engineOf } from '../engines.ts';
import type { InstanceSpec, WorkloadSpec } from '../lab.ts';
import { ownProcess } from '../services/own-process.ts';
import type { Probe, ServiceSpec } from '../services/service-spec.ts';
import { type ConnectOptions, tunedTimers } from './connect-worker.ts';
import { clusterOf, type InstancePlan } from './instance-plan.ts';
import { sinkHosts, sinkWorkers } from './sink-workers.ts';

export interface InstanceServices {
  readonly capture: ServiceSpec;
  readonly sink: ServiceSpec;
  readonly moreSinks: readonly ServiceSpec[];
  readonly verifier: ServiceSpec;
}

/**
 * A worker's objects live for one request or batch: a young generation of 6 MiB is enough, where V8 lets one grow to 128.
 * To the capture it makes no measurable difference in CPU time, and a third less memory under load (350 → 250 MB).
 */
const SMALL_NURSERY = '--max-semi-space-size=2';

/**
 * For the verifier and the workload, which may run for days. With a limit below 2 GB, V8 collects after the heap has
 * grown by about half, instead of to four times the live objects: 150 MB instead of 240 while a ledger is read, in no
 * more CPU time. The verifier needs less than a quarter of this limit.
 */
const SPARING_HEAP = '--max-old-space-size=1024';

/**
 * For the same two. glibc keeps freed memory: each freed buffer of megabytes raises the size from which it maps memory
 * instead of growing its heap, up to 32 MiB, and a heap shrinks only at its end. With a fixed size a large buffer goes
 * back to the system at once. Other C libraries ignore these variables.
 */
const RETURN_FREED_MEMORY = { MALLOC_MMAP_THRESHOLD_: '262144', MALLOC_TRIM_THRESHOLD_: '1048576' };

/** What differs from one lab to another. */
export interface ProcessOptions {
  /** Keys of the verifier's configuration that differ, because the pipeline is not the lab's. */
  readonly verifier?: Partial<VerifierConfigInput>;
  /** Prepares a worker of Kafka Connect. Left out: Connect workers are started elsewhere. */
  readonly prepareConnect?: (options: ConnectOptions) => ServiceSpec;
}

/** Writes the configuration files of workers and verifier, and returns how to start them. */
export function prepareProcesses(
  plan: InstancePlan,
  spec: InstanceSpec,
  stateDir: string,
  { verifier = {}, prepareConnect }: ProcessOptions = {},
): InstanceServices {
  mkdirSync(plan.dir, { recursive: true });
  const makers = { stateDir, prepareConnect };
  const [sink, ...moreSinks] = sinkWorkers(plan).map(({ service, url }, task, all) =>
    workerService(plan, spec, makers, {
      role: 'sink',
      service,
      port: Number(new URL(url).port),
      ...(all.length === 1 ? {} : { tasks: { id: task, of: all.length } }),
    }),
  );
  if (sink === undefined) throw new Error(`${plan.name} has no sink worker`);
  const verifierConfig = writeConfig(plan, 'verifier', {
    host: '127.0.0.1',
    port: plan.ports.verifier,
    stateDir: folder(plan, 'verifier'),
    source: { url: plan.sourceUrl, slot: plan.slot, publication: plan.publication },
    sink: { url: plan.sinkUrl },
    kafka: { bootstrapServers: plan.bootstrapServers },
    topicPrefix: plan.topicPrefix,
    connectors: [
      { name: plan.connectors.source, url: plan.captureUrl, type: 'source' },
      ...sinkHosts(plan).map(({ url, otherUrls }) => ({
        ...{ name: plan.connectors.sink, url, otherUrls: [...otherUrls] },
        type: 'sink' as const,
      })),
    ],
    consumerGroup: plan.consumerGroup,
    tables: null,
    ledger: plan.ledgerPath,
    everyMs: spec.verifyEveryMs,
    // A pipeline that is verified again and again grows, and each verification should not cost more.
    incremental: spec.verifyEveryMs === null ? null : {},
    ...thresholdsOf(spec),
    ...verifier,
  });
  const judge = nodeService(
    stateDir,
    plan.services.verifier,
    'verifier',
    'verifier/main.ts',
    ['--config', verifierConfig],
    plan.ports.verifier,
  );
  return {
    capture: workerService(plan, spec, makers, {
      role: 'capture',
      service: plan.services.capture,
      port: plan.ports.capture,
    }),
    sink,
    moreSinks,
    verifier: sparing(judge),
  };
}

function thresholdsOf({ alertLag, walBudgetBytes }: InstanceSpec): Pick<VerifierConfigInput, 'thresholds'> {
  if (alertLag === undefined && walBudgetBytes === undefined) return {};
  const lag = alertLag === undefined ? {} : { lagEvents: alertLag };
  return { thresholds: { ...lag, ...(walBudgetBytes === undefined ? {} : { walBudgetBytes }) } };
}

/** What preparing a worker needs beside its plan. */
interface Makers {
  readonly stateDir: string;
  readonly prepareConnect: ProcessOptions['prepareConnect'];
}

/** One worker process of half the pipeline. */
interface WorkerPlace {
  readonly role: 'capture' | 'sink';
  readonly service: string;
  readonly port: number;
  /** Set if the sink has several workers. */
  readonly tasks?: { readonly id: number; readonly of: number };
}

function workerService(
  plan: InstancePlan,
  spec: InstanceSpec,
  makers: Makers,
  place: WorkerPlace,
): ServiceSpec {
  const { role, service, port, tasks } = place;
  const engine = engineOf(role === 'capture' ? 'source' : 'sink', plan.engines);
  const { program } = engine;
  if (program === undefined) return connectService(plan, place, makers, spec.connect);
  const { stateDir } = makers;
  const config = writeConfig(plan, folderName(service), {
    workerId: service,
    host: '127.0.0.1',
    port,
    bootstrapServers: plan.bootstrapServers,
    stateDir: folder(plan, folderName(service)),
    offsetsTopic: plan.offsetsTopic,
    ...(tasks === undefined ? {} : { tasks }),
    ...(spec.alertLag === undefined ? {} : { health: { lagEvents: spec.alertLag } }),
  });
  const defects = (spec.defects?.[role] ?? []).flatMap((name) => ['--defect', name]);
  const args = ['--config', config, '--crash-points', ...defects];
  const started = nodeService(stateDir, service, 'worker', program, args, port);
  return { ...started, args: [SMALL_NURSERY, ...started.args] };
}

/** `sink-2` of `sink-2@NAME`. */
function folderName(service: string): string {
  return service.split('@')[0] ?? service;
}

/** A worker in its own Connect cluster for one connector, so that either half of the pipeline can be killed alone. */
function connectService(
  plan: InstancePlan,
  { role, service, port }: WorkerPlace,
  { stateDir, prepareConnect }: Makers,
  { jvm = 'small', ...timers }: ConnectTuning = {},
): ServiceSpec {
  if (prepareConnect === undefined) throw new Error(`${service}: this lab prepares no Connect workers`);
  return prepareConnect({
    name: service,
    dataDir: folder(plan, folderName(service)),
    log: join(stateDir, 'logs', `${service}.log`),
    port,
    bootstrapServers: plan.bootstrapServers,
    cluster: clusterOf(plan, role),
    jvm,
    properties: tunedTimers(timers),
  });
}

/** A workload process; its log ends with the summary. @param name Name of the service. */
export function workloadService(
  plan: Pick<InstancePlan, 'sourceUrl' | 'ledgerPath'>,
  spec: WorkloadSpec,
  stateDir: string,
  name: string,
): ServiceSpec {
  const args = [
    ...['--url', plan.sourceUrl, '--ledger', plan.ledgerPath, '--kind', spec.kind],
    ...['--rate', String(spec.rate), '--seed', String(spec.seed)],
    ...(spec.transactions === null ? [] : ['--transactions', String(spec.transactions)]),
    ...(spec.rows === undefined ? [] : ['--rows', String(spec.rows)]),
  ];
  const service = nodeService(stateDir, name, 'workload', 'fixtures/workloads/main.ts', args, null);
  return sparing(service);
}

function sparing(service: ServiceSpec): ServiceSpec {
  return {
    ...service,
    args: [SMALL_NURSERY, SPARING_HEAP, ...service.args],
    env: { ...service.env, ...RETURN_FREED_MEMORY },
  };
}

function nodeService(
  stateDir: string,
  name: string,
  kind: ServiceSpec['kind'],
  main: string,
  args: readonly string[],
  port: number | null,
): ServiceSpec {
  return {
    name,
    kind,
    ...ownProcess(main, args),
    port,
    log: join(stateDir, 'logs', `${name}.log`),
    probe: probeOf(kind, port),
    readyTimeoutMs: 60_000,
    stopSignals: [{ signal: 'SIGTERM', waitMs: 10_000 }],
  };
}

function probeOf(kind: ServiceSpec['kind'], port: number | null): Probe {
  if (port === null) return { tag: 'none' };
  if (kind === 'verifier') return { tag: 'http', port, path: '/health', anyStatus: true };
  return { tag: 'http', port, path: '/', anyStatus: false };
}

function folder(plan: InstancePlan, role: string): string {
  const path = join(plan.dir, role);
  mkdirSync(path, { recursive: true });
  return path;
}

function writeConfig(plan: InstancePlan, role: string, config: Readonly<Record<string, unknown>>): string {
  const path = join(plan.dir, `${role}.json`);
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return path;
}
