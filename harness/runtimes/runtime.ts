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

export type ServiceKind = 'postgres' | 'kafka' | 'worker' | 'verifier' | 'workload';

export interface ServiceInfo {
  /** Unique in the lab: `pg-source`, `pg-sink`, `kafka`; of an instance `capture@NAME`, `sink@NAME`, … */
  readonly name: string;
  readonly kind: ServiceKind;
  readonly state: 'running' | 'paused' | 'stopped' | 'dead';
  readonly pid: number | null;
  readonly port: number | null;
  /** Path of the log. */
  readonly log: string;
}

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
}
