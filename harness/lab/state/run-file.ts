/**
 * `harness/lab/state`: what a lab keeps on disk for the next command, also after a crash.
 * In: changes to `run.json`, process ids, a folder, which is checked to be a lab's.
 * Out: the recorded services and instances; locks that end with their process.
 * Promises: each change of `run.json` is atomic and on disk before its effect; no secret is in it; a pid
 * is never taken for a process that merely reuses it.
 */

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { accept } from '../../../pipeline/contract/mistake.ts';
import { poll } from '../../wait.ts';
import { LAB_SOURCES } from '../engines.ts';
import { PRIVATE_SERVERS } from '../lab.ts';
import { serviceSpecSchema } from '../services/service-spec.ts';
import { tryExclusive } from './exclusive.ts';

const identitySchema = z.object({ pid: z.number(), startTicks: z.string(), bootId: z.string() });

const serviceSchema = z.object({
  spec: serviceSpecSchema,
  /** Null: stopped on purpose. A recorded process that is not alive died or was killed. */
  process: identitySchema.nullable(),
  /** ISO 8601. */
  startedAt: z.string().nullable(),
});
export type ServiceRecord = z.infer<typeof serviceSchema>;

const connectorSchema = z.object({
  file: z.string(),
  overrides: z.record(z.string(), z.string()).exactOptional(),
});
const instanceSpecSchema = z.object({
  name: z.string(),
  source: connectorSchema,
  sink: connectorSchema,
  engines: z.object({ source: z.enum(LAB_SOURCES), sink: z.enum(['ts', 'jdbc']) }).exactOptional(),
  connect: z
    .object({
      jvm: z.enum(['small', 'throughput']).exactOptional(),
      offsetFlushMs: z.number().exactOptional(),
      rebalanceDelayMs: z.number().exactOptional(),
    })
    .exactOptional(),
  pipeline: z.string().exactOptional(),
  atSource: z.object({ sql: z.array(z.string()), tables: z.array(z.string()) }).exactOptional(),
  private: z.array(z.enum(PRIVATE_SERVERS)).exactOptional(),
  defects: z
    .object({
      capture: z.array(z.string()).exactOptional(),
      sink: z.array(z.string()).exactOptional(),
    })
    .exactOptional(),
  sinkWorkers: z.number().exactOptional(),
  alertLag: z.number().exactOptional(),
  walBudgetBytes: z.number().exactOptional(),
  verifyEveryMs: z.number().nullable(),
  seedRows: z.number(),
  seed: z.number(),
});

const brokerPortsSchema = z.object({
  client: z.number(),
  link: z.number(),
  linkAdvertised: z.number(),
  controller: z.number(),
});

const instanceSchema = z.object({
  name: z.string(),
  /** `creating` from before its first effect until it is ready. */
  state: z.enum(['creating', 'ready']),
  /** The process that it belongs to: when that ends, it is left over. Null: it belongs to the lab and stays. */
  owner: identitySchema.nullable(),
  ports: z.object({
    capture: z.number(),
    sink: z.number(),
    verifier: z.number(),
    /** Ports of the sink's second worker and those after it. */
    moreSinks: z.array(z.number()).exactOptional(),
    /** Ports of its private servers. */
    pgSource: z.number().exactOptional(),
    pgSink: z.number().exactOptional(),
    kafka: brokerPortsSchema.exactOptional(),
  }),
  spec: instanceSpecSchema,
});
export type InstanceRecord = z.infer<typeof instanceSchema>;

const runSchema = z.object({
  schemaVersion: z.literal(1),
  /** What the services are. Default: processes. Containers are not listed here: their labels name the run. */
  runtime: z.enum(['process', 'docker', 'external']).exactOptional(),
  runId: z.string(),
  createdAt: z.string(),
  ports: z.object({
    pgSource: z.number(),
    pgSink: z.number(),
    kafkaClient: z.number(),
    kafkaLink: z.number(),
    kafkaLinkAdvertised: z.number(),
    kafkaController: z.number(),
  }),
  /** Set if there are several brokers: the cluster's id, and the ports of the second broker and those after it. */
  cluster: z.object({ id: z.string(), more: z.array(brokerPortsSchema) }).exactOptional(),
  /** The workload that `up` keeps running on the instance `lab`; transactions per second, 0: none. */
  writer: z.object({ service: z.string(), rate: z.number() }).exactOptional(),
  services: z.record(z.string(), serviceSchema),
  instances: z.record(z.string(), instanceSchema),
});
/** The content of `run.json`: everything about a lab that outlives a process, without secrets. */
export type Run = z.infer<typeof runSchema>;

/** For a lab without its own servers. */
export const NO_PORTS: Run['ports'] = {
  pgSource: 0,
  pgSink: 0,
  kafkaClient: 0,
  kafkaLink: 0,
  kafkaLinkAdvertised: 0,
  kafkaController: 0,
};

/** A run without services or instances. @param runtime Left out for the process runtime. */
export function newRun(
  servers: Pick<Run, 'ports' | 'cluster'>,
  runtime?: 'docker' | 'external',
  runId: string = randomBytes(4).toString('hex'),
): Run {
  return {
    schemaVersion: 1,
    ...(runtime === undefined ? {} : { runtime }),
    runId,
    createdAt: new Date().toISOString(),
    ...servers,
    services: {},
    instances: {},
  };
}

const UPDATE_TIMEOUT_MS = 10_000;

/**
 * `run.json` of a state folder. Several processes may change it concurrently. Each change is atomic, and on disk
 * when `update` resolves.
 */
export class RunFile {
  readonly path: string;
  readonly #stateDir: string;
  #lastInLine: Promise<unknown> = Promise.resolve();

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
    this.path = join(stateDir, 'run.json');
  }

  /** Undefined if there is no lab. @throws LabError CDC-5113 for a file that this version did not write. */
  read(): Run | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return accept(runSchema, JSON.parse(text), 'the file');
    } catch (error) {
      throw new LabError('CDC-5113', `${this.path} is not a run file of this version: ${messageOf(error)}`, {
        remedy: '`cdc-lab clean` removes the lab; then `cdc-lab up`.',
      });
    }
  }

  create(run: Run): void {
    this.#write(run);
  }

  /** Reads, changes and writes the file, exclusively. @throws LabError CDC-5114 if there is no lab. */
  update<T>(change: (run: Run) => T): Promise<T> {
    const turn = this.#lastInLine.then(() => this.#updateAlone(change));
    this.#lastInLine = turn.catch(() => undefined);
    return turn;
  }

  async #updateAlone<T>(change: (run: Run) => T): Promise<T> {
    const release = await poll(() => tryExclusive(`run.json/${folderIdentity(this.#stateDir)}`), {
      withinMs: UPDATE_TIMEOUT_MS,
      everyMs: 2,
      maxEveryMs: 20,
    });
    if (release === undefined) throw new Error(`${this.path} was in use for ${UPDATE_TIMEOUT_MS} ms`);
    try {
      const run = this.read();
      if (run === undefined) {
        throw new LabError('CDC-5114', `There is no lab in ${this.#stateDir}.`, { remedy: '`cdc-lab up`' });
      }
      const result = change(run);
      this.#write(run);
      return result;
    } finally {
      await release();
    }
  }

  #write(run: Run): void {
    const fresh = `${this.path}.fresh`;
    const file = openSync(fresh, 'w', 0o600);
    try {
      writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, this.path);
    const folder = openSync(this.#stateDir, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}

/** Identifies a folder: the same for every path that leads to it. */
export function folderIdentity(dir: string): string {
  const { dev, ino } = statSync(dir, { bigint: true });
  return `${dev}:${ino}`;
}
