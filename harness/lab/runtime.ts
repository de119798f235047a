/** What was done to a service, with evidence that it took effect. */
export interface Proof {
  /** `killed`, `paused`, `resumed`, `started`, `stopped`, … */
  readonly action: string;
  readonly service: string;
  /** ISO 8601. */
  readonly at: string;
  /** Observations, not intentions: pids gone, connection refused, process states, first answer after a start. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** The proof of what was done to a service just now. */
export function proof(action: string, service: string, evidence: Record<string, unknown>): Proof {
  return { action, service, at: new Date().toISOString(), evidence };
}

export type ServiceKind = 'postgres' | 'kafka' | 'worker' | 'verifier' | 'workload';

export interface ServiceInfo {
  /** Unique in the lab: `pg-source`, `pg-sink`, `kafka`; of an instance `capture@NAME`, `sink@NAME`, … */
  readonly name: string;
  readonly kind: ServiceKind;
  readonly state: 'running' | 'paused' | 'stopped' | 'dead';
  readonly pid: number | null;
  readonly port: number | null;
  /** Path of the log, or the command that shows it. */
  readonly log: string;
  /** Whether its peers can reach it, if the runtime can cut it off. */
  readonly connected?: boolean;
}

/** Whether all servers among these services run. */
export function serversRun(services: readonly ServiceInfo[]): boolean {
  return services.every(
    ({ kind, state }) => (kind !== 'postgres' && kind !== 'kafka') || state === 'running',
  );
}

/** Room on the disk that holds a service's data. */
export interface DiskRoom {
  readonly sizeBytes: number;
  readonly freeBytes: number;
}

/**
 * Less than this counts as full. No server can work for long with it, though it frees a few of its own blocks at
 * times.
 */
export const FULL_BELOW_BYTES = 1024 * 1024;

/** Where the services live. A runtime leaves out what it cannot do; a fault that needs it is then *not run*. */
export interface Runtime {
  readonly name: 'process' | 'docker' | 'external';
  services(): Promise<readonly ServiceInfo[]>;
  /** SIGKILL of every process of the service. Resolves when they are gone. */
  kill?(service: string): Promise<Proof>;
  /** SIGSTOP of every process of the service. Resolves when all are stopped and none answers. */
  pause?(service: string): Promise<Proof>;
  resume?(service: string): Promise<Proof>;
  /** Starts a service that is down, with the port and data that it had. Resolves when it is ready. */
  start?(service: string): Promise<Proof>;
  /** Graceful. */
  stop?(service: string): Promise<Proof>;
  /** {@link stop}, then {@link start}: another process, the same port and data. */
  restart?(service: string): Promise<Proof>;
  /** Cuts it off from its peers' network; its process keeps running. Resolves when it cannot be reached. */
  disconnect?(service: string): Promise<Proof>;
  /** Undoes {@link disconnect}. Resolves when it answers. */
  connect?(service: string): Promise<Proof>;
  /** Room on its disk, if that has its own size limit. */
  roomOf?(service: string): Promise<DiskRoom>;
  /** Fills its disk; its process keeps running. */
  fillDisk?(service: string): Promise<Proof>;
  /** Undoes {@link fillDisk}. A service that ended meanwhile is not started. */
  freeDisk?(service: string): Promise<Proof>;
  /** The last lines of its log, if {@link ServiceInfo.log} is not a file. */
  readLog?(service: string, lines: number): Promise<string>;
}
