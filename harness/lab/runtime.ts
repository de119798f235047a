/** What was done to a service, and how it was seen to have taken effect. */
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
  /** Whether its peers can reach it, where the runtime can cut it off. */
  readonly connected?: boolean;
}

/** Of the disk that holds a service's data. */
export interface DiskRoom {
  readonly sizeBytes: number;
  readonly freeBytes: number;
}

/** A disk with less is full: no server can go on for long, and a few blocks of its own it frees now and then. */
export const FULL_BELOW_BYTES = 1024 * 1024;

/** Where the services live. What a runtime cannot do it leaves out: a fault that needs it is then *not run*. */
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
  /** Takes it off the network that it shares with its peers; it runs on. Resolves when it cannot be reached. */
  disconnect?(service: string): Promise<Proof>;
  /** Undoes {@link disconnect}. Resolves when it answers. */
  connect?(service: string): Promise<Proof>;
  /** What is left of its disk, where that has a limit of its own. */
  roomOf?(service: string): Promise<DiskRoom>;
  /** Takes all the room of its disk; it runs on. */
  fillDisk?(service: string): Promise<Proof>;
  /** Undoes {@link fillDisk}. What ended meanwhile is not started. */
  freeDisk?(service: string): Promise<Proof>;
  /** The last lines of its log, where {@link ServiceInfo.log} is no file. */
  readLog?(service: string, lines: number): Promise<string>;
}
