import type { Instance, InstanceSpec, Lab, LabWriter, PrivateServer } from '../lab.ts';
import type { Runtime } from '../runtime.ts';
import { buildOrDrop, recordInstance } from '../state/record-instance.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import { checkInstanceName } from './instance-plan.ts';
import { type LabContext, readRun } from './lab-context.ts';
import { dropLeftovers } from './leftovers.ts';
import { standingWriter } from './standing-writer.ts';

/** What differs between runtimes in making an instance. */
export interface InstanceMaker {
  /** As `Lab.privateServers`. */
  readonly privateServers?: readonly PrivateServer[];
  /** Refuses what the runtime cannot make, and fetches what it needs, before anything is recorded. */
  prepare(spec: InstanceSpec, signal?: AbortSignal): Promise<void>;
  /** Builds what the record says, and marks it ready. */
  build(record: InstanceRecord, signal?: AbortSignal): Promise<void>;
  /** Drops whatever there is of it. Idempotent. */
  drop(name: string): Promise<void>;
  /** Whether the instance is left from a command that was killed. Nobody else works on the lab meanwhile. */
  isLeft(record: InstanceRecord): boolean;
  /** Ends processes that no record names, because their starter was killed before it could write one. */
  endStrays?(): Promise<readonly string[]>;
  /** A handle for the instance; starts nothing. */
  handle(record: InstanceRecord): Instance;
  /** As `Lab.setAlertLag`. Left out: the runtime cannot set it. */
  setAlertLag?(record: InstanceRecord, events: number | null): Promise<readonly string[]>;
  /** As `Lab.upgrade`. Left out: the runtime plants no defects. */
  upgrade?(record: InstanceRecord): Promise<readonly string[]>;
}

/** A lab whose servers the runtime starts, and whose instances are recorded in `run.json`. */
export class RecordedLab implements Lab {
  readonly dir: string;
  readonly runId: string;
  readonly runtime: Runtime;
  readonly privateServers?: readonly PrivateServer[];
  readonly setAlertLag?: NonNullable<Lab['setAlertLag']>;
  readonly upgrade?: NonNullable<Lab['upgrade']>;
  readonly #context: LabContext;
  readonly #maker: InstanceMaker;

  constructor(context: LabContext, maker: InstanceMaker) {
    this.#context = context;
    this.#maker = maker;
    this.dir = context.stateDir;
    this.runId = readRun(context.runFile).runId;
    this.runtime = context.runtime;
    const { setAlertLag, upgrade, privateServers } = maker;
    if (privateServers !== undefined) this.privateServers = privateServers;
    const recordOf = (name: string) => context.runFile.read()?.instances[name];
    if (setAlertLag !== undefined) {
      this.setAlertLag = async (name, events) => {
        const record = recordOf(name);
        return record === undefined ? [] : setAlertLag(record, events);
      };
    }
    if (upgrade !== undefined) {
      this.upgrade = async (name) => {
        const record = recordOf(name);
        return record === undefined ? [] : upgrade(record);
      };
    }
  }

  defectsOf(name: string): InstanceSpec['defects'] {
    return this.#context.runFile.read()?.instances[name]?.spec.defects;
  }

  keep(name: string): Promise<void> {
    return this.#context.runFile.update((run) => {
      const mine = run.instances[name];
      if (mine !== undefined) mine.owner = null;
    });
  }

  async dropLeftovers(): Promise<readonly string[]> {
    const { isLeft, drop } = this.#maker;
    const said = [...((await this.#maker.endStrays?.()) ?? [])];
    await dropLeftovers(this.#context, isLeft, drop, (step) => said.push(step));
    return said;
  }

  writer(): Promise<LabWriter | undefined> {
    return standingWriter(this.#context);
  }

  async instance(name: string): Promise<Instance | undefined> {
    const record = this.#context.runFile.read()?.instances[name];
    return record?.state === 'ready' ? this.#maker.handle(record) : undefined;
  }

  /**
   * Every instance but `lab` belongs to this process until it is kept: when the process ends, however it ends, the next
   * `up` or `heal` drops what is left.
   *
   * @throws LabError CDC-5126 if an instance of that name exists.
   */
  async createInstance(spec: InstanceSpec, signal?: AbortSignal): Promise<Instance> {
    checkInstanceName(spec.name);
    await this.#maker.prepare(spec, signal);
    const record = await recordInstance(this.#context.runFile, spec);
    await buildOrDrop(this.#maker.build(record, signal), () => this.#maker.drop(spec.name));
    return this.#maker.handle(record);
  }
}
