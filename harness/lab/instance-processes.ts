import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VerifierConfigInput } from '../../verifier/config.ts';
import { PROJECT_DIR } from '../project.ts';
import { OFFSET_FLUSH_INTERVAL_MS, prepareConnect } from '../runtimes/process/connect.ts';
import type { Probe, ServiceSpec } from '../runtimes/process/service-spec.ts';
import { type ConnectTuning, engineOf } from './engines.ts';
import type { InstanceSpec, WorkloadSpec } from './instance.ts';
import { clusterOf, type InstancePlan } from './instance-plan.ts';

export interface InstanceServices {
  readonly capture: ServiceSpec;
  readonly sink: ServiceSpec;
  readonly verifier: ServiceSpec;
}

/**
 * What a capture makes lives for one request: a young generation of 6 MiB instead of 48 costs it no measurable CPU time
 * and a third of its memory under load (350 → 250 MB).
 */
const SMALL_NURSERY = '--max-semi-space-size=2';

/**
 * Writes the configuration files of workers and verifier, and says how to start them. `verifier` is what its
 * configuration says otherwise, where the pipeline is not the lab's.
 */
export function prepareProcesses(
  plan: InstancePlan,
  spec: InstanceSpec,
  stateDir: string,
  verifier: Partial<VerifierConfigInput> = {},
): InstanceServices {
  mkdirSync(plan.dir, { recursive: true });
  const worker = (role: 'capture' | 'sink'): ServiceSpec => {
    const engine = engineOf(role === 'capture' ? 'source' : 'sink', plan.engines);
    if (engine.host === 'connect') return connectService(plan, role, stateDir, spec.connect);
    const config = writeConfig(plan, role, {
      workerId: plan.services[role],
      host: '127.0.0.1',
      port: plan.ports[role],
      bootstrapServers: plan.bootstrapServers,
      stateDir: folder(plan, role),
      offsetsTopic: plan.offsetsTopic,
    });
    const defects = (spec.defects?.[role] ?? []).flatMap((name) => ['--defect', name]);
    const args = ['--config', config, '--crash-points', ...defects];
    const service = nodeService(
      stateDir,
      plan.services[role],
      'worker',
      'pipeline/worker/main.ts',
      args,
      plan.ports[role],
    );
    return role === 'capture' ? { ...service, args: [SMALL_NURSERY, ...service.args] } : service;
  };
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
      { name: plan.connectors.sink, url: plan.sinkWorkerUrl, type: 'sink' },
    ],
    consumerGroup: plan.consumerGroup,
    tables: null,
    ledger: plan.ledgerPath,
    everyMs: spec.verifyEveryMs,
    ...verifier,
  });
  const verifierArgs = ['--config', verifierConfig];
  return {
    capture: worker('capture'),
    sink: worker('sink'),
    verifier: nodeService(
      stateDir,
      plan.services.verifier,
      'verifier',
      'verifier/main.ts',
      verifierArgs,
      plan.ports.verifier,
    ),
  };
}

/** A Connect worker for one connector, so that each half of the pipeline can be killed alone. */
function connectService(
  plan: InstancePlan,
  role: 'capture' | 'sink',
  stateDir: string,
  { jvm = 'small', offsetFlushMs = OFFSET_FLUSH_INTERVAL_MS }: ConnectTuning = {},
): ServiceSpec {
  return prepareConnect({
    name: plan.services[role],
    dataDir: folder(plan, role),
    log: join(stateDir, 'logs', `${plan.services[role]}.log`),
    port: plan.ports[role],
    bootstrapServers: plan.bootstrapServers,
    cluster: clusterOf(plan, role),
    jvm,
    properties: { 'offset.flush.interval.ms': String(offsetFlushMs) },
  });
}

/** A workload process; its log ends with the summary. `name` is that of the service. */
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
  return nodeService(stateDir, name, 'workload', 'fixtures/workloads/main.ts', args, null);
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
    command: process.execPath,
    // kafkajs computes a timeout below zero now and then; Node would fill the log with it.
    args: ['--disable-warning=TimeoutNegativeWarning', join(PROJECT_DIR, main), ...args],
    cwd: PROJECT_DIR,
    env: { NODE_COMPILE_CACHE: join(PROJECT_DIR, '.cache', 'node'), TZ: 'UTC' },
    wantsPassword: true,
    uid: null,
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
