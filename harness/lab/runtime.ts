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

/** Whether a service is one of the servers that the lab's pipelines share. A private one is named `pg-source@NAME`. */
export function isSharedServer({ name, kind }: Pick<ServiceInfo, 'name' | 'kind'>): boolean {
  return (kind === 'postgres' || kind === 'kafka') && !name.includes('@');
}

/** Whether all shared servers among these services run. */
export function serversRun(services: readonly ServiceInfo[]): boolean {
  return services.every((service) => !isSharedServer(service) || service.state === 'running');
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

/** What the server on a copy of another one's data has besides. */
export interface CopyOptions {
  /** Lines of its postgresql.conf. */
  readonly settings?: readonly string[];
  /** Files in its data folder, by name: `standby.signal`, `backup_label`. */
  readonly files?: Readonly<Record<string, string>>;
}

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
  /**
   * Copies the data of a private PostgreSQL server, as it is on disk, under a label. Under a running server it must be
   * between `pg_backup_start` and `pg_backup_stop`.
   */
  copyData?(service: string, label: string): Promise<Proof>;
  /**
   * Starts a server on the copy of that label, beside the service; on a new, empty cluster if there is no copy. Its
   * address is `evidence.port`, its name `evidence.service`.
   */
  startCopy?(service: string, label: string, own: CopyOptions): Promise<Proof>;
  /** Puts the copy of that label in the place of the data of a service that is down; its server must be down, too. */
  swapData?(service: string, label: string): Promise<Proof>;
  /** The last lines of its log, if {@link ServiceInfo.log} is not a file. */
  readLog?(service: string, lines: number): Promise<string>;
}
