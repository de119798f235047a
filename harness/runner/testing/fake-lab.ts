import type { Report } from '../../../verifier/report.ts';
import type { Access, TopicLag } from '../../access/access.ts';
import type { StatusAnswer } from '../../connect/answers.ts';
import type { Instance, InstanceSpec, Lab, StartedWorkload, WorkloadSpec } from '../../lab/lab.ts';
import type { Proof, Runtime, ServiceInfo } from '../../lab/runtime.ts';

/** A report of a whole and equal sink; `over` changes what a test is about. */
export function report(over: Partial<Report> = {}): Report {
  return {
    schemaVersion: 1,
    verdict: 'PASS',
    at: '2026-01-01T00:00:00.000Z',
    durationMs: 1,
    window: { fromLsn: '0/1', toLsn: '0/2' },
    coverage: 1,
    tables: [],
    checks: [],
    findings: [],
    progress: null,
    ledger: null,
    deliveries: { duplicatesDelivered: 0, duplicatesSuppressed: 0 },
    connectors: [],
    ...over,
  };
}

export function finding(over: Partial<Report['findings'][number]> = {}): Report['findings'][number] {
  return {
    check: 'missing-rows',
    class: 'missing',
    table: 'public.orders',
    count: 3,
    hop: 'sink',
    verdict: 'FAIL',
    first: { key: { id: '1' }, columns: [] },
    examples: [],
    detail: 'three rows are not there',
    ...over,
  };
}

/** What a fake pipeline does; tests change it between and within phases. */
export class FakeWorld {
  readonly log: string[] = [];
  /** Answers of the verifier, in turn; the last one stays. */
  reports: Report[] = [report()];
  lagEvents = 0;
  /** The slot never gets to where the source is. */
  isBehind = false;
  redelivered = 0;
  disposed: string[] = [];
  workloads: string[] = [];
  created: InstanceSpec[] = [];
  services: ServiceInfo[] = [
    { name: 'pg-sink', kind: 'postgres', state: 'running', pid: 1, port: 1, log: '' },
  ];
  /** Settles before an instance is ready. */
  beforeInstance: () => Promise<void> = async () => undefined;
  /** Tasks of both connectors. */
  tasks: StatusAnswer['tasks'] = [];
  /** Transactions that each workload counts as failed. */
  failedWrites = 0;
  #committed = 0;

  readonly runtime: Runtime = {
    name: 'process',
    services: async () => this.services,
    kill: async (service) => this.#proof('killed', service),
    start: async (service) => this.#proof('started', service),
  };

  lab(dir: string): Lab {
    return {
      dir,
      runId: 'fake',
      runtime: this.runtime,
      instance: async () => undefined,
      createInstance: async (spec) => {
        this.created.push(spec);
        await this.beforeInstance();
        return { ...this.instance(spec.name, dir), alertLag: spec.alertLag };
      },
    };
  }

  readonly access = async (): Promise<Access> => ({
    query: async (_, sql) => {
      if (sql.includes('pg_current_wal_lsn')) return [{ lsn: '0/1' }];
      if (sql.includes('confirmed_flush_lsn')) return [{ reached: !this.isBehind }];
      if (sql.includes('pg_publication_tables')) return [{ name: 'public.customers' }];
      return [{ n: 7 }];
    },
    transaction: async (side, statements) => {
      this.log.push(`committed at the ${side}`);
      return { xid: '1', rows: statements.map(() => 1) };
    },
    lag: async () => ({ events: this.lagEvents, slotBytes: 0 }),
    lagByPartition: async (): Promise<readonly TopicLag[]> => [
      { topic: 't', partition: 0, committed: 5n, end: 5n },
    ],
    endOffsets: async () => new Map([['t', 5n]]),
    redelivered: async () => this.redelivered,
    fastestSnapshot: async () => undefined,
    emptyTopics: async () => undefined,
    // Each query finds a hundred more transactions.
    committed: async () => {
      this.#committed += 100;
      return this.#committed;
    },
    verify: async () => {
      this.log.push('verify');
      const [next] = this.reports.length > 1 ? this.reports.splice(0, 1) : this.reports;
      return next ?? report();
    },
    verifyWithin: async () => report(),
    armCrashPoint: async () => undefined,
    releaseCrashPoint: async () => undefined,
    crashPoints: async () => ({ armed: [], waiting: [] }),
    connectorOffsets: async () => [],
    connectorStatus: async (): Promise<StatusAnswer> => ({
      name: 'c',
      connector: { state: 'RUNNING', worker_id: 'w' },
      tasks: this.tasks,
      type: 'sink',
    }),
    pauseConnector: async () => undefined,
    resumeConnector: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  });

  instance(name: string, dir: string): Instance {
    for (const role of ['capture', 'sink', 'verifier']) {
      const service = `${role}@${name}`;
      this.services.push({ name: service, kind: 'worker', state: 'running', pid: 1, port: 1, log: '' });
    }
    return {
      name,
      dir,
      sourceUrl: '',
      sinkUrl: '',
      bootstrapServers: [],
      topicPrefix: name,
      slot: name,
      publication: name,
      consumerGroup: name,
      engines: { source: 'ts', sink: 'ts' },
      connectors: { source: 'source', sink: 'sink' },
      services: { capture: `capture@${name}`, sink: `sink@${name}`, verifier: `verifier@${name}` },
      captureUrl: '',
      sinkWorkerUrl: '',
      verifierUrl: '',
      ledgerPath: '',
      startWorkload: async (spec) => this.#workload(spec),
      [Symbol.asyncDispose]: async () => {
        this.disposed.push(name);
      },
    };
  }

  #workload(spec: WorkloadSpec): StartedWorkload {
    this.workloads.push(`+${spec.kind}`);
    const summary = { committed: 1, failed: this.failedWrites, unknown: 0 };
    return {
      service: 'workload',
      finished: Promise.resolve(summary),
      stop: async () => {
        this.workloads.push(`-${spec.kind}`);
        return summary;
      },
    };
  }

  #proof(action: string, service: string): Proof {
    this.log.push(`${action} ${service}`);
    return { action, service, at: '2026-01-01T00:00:00.000Z', evidence: {} };
  }
}
