import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { freePorts } from '../../runtimes/process/ports.ts';
import { identify } from '../../runtimes/process/process-table.ts';
import type { InstanceRecord } from '../../runtimes/process/run-file.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import type { Instance, InstanceSpec, Lab } from '../instance.ts';
import { checkInstanceName } from '../instance-plan.ts';
import { LAB_INSTANCE } from '../process-lab.ts';
import type { DockerLabContext } from './context.ts';
import { buildInstance, dropInstance, refuseForeignEngines, standingInstance } from './instance.ts';

/** A lab whose services are containers, and whose servers run. */
export class DockerLab implements Lab {
  readonly dir: string;
  readonly runId: string;
  readonly runtime: Runtime;
  readonly #context: DockerLabContext;

  constructor(context: DockerLabContext) {
    this.#context = context;
    this.dir = context.stateDir;
    this.runId = context.runtime.runId;
    this.runtime = context.runtime;
  }

  async instance(name: string): Promise<Instance | undefined> {
    const record = this.#context.runFile.read()?.instances[name];
    return record?.state === 'ready' ? standingInstance(this.#context, record) : undefined;
  }

  /**
   * Belongs to this process: when it ends, however it ends, the next `up` drops what is left.
   * @throws LabError CDC-5126 where one of that name exists.
   */
  async createInstance(spec: InstanceSpec, signal?: AbortSignal): Promise<Instance> {
    checkInstanceName(spec.name);
    refuseForeignEngines(spec);
    const record = await recordInstance(this.#context, spec);
    try {
      await buildInstance(this.#context, record, signal);
    } catch (error) {
      // Where that fails too, the record stays, and the next `up` tries again.
      await dropInstance(this.#context, spec.name).catch((cleanup: unknown) => {
        throw new AggregateError([error, cleanup], messageOf(error));
      });
      throw error;
    }
    return standingInstance(this.#context, record);
  }
}

/** Writes down what is about to be made. The instance `lab` belongs to the lab, every other to this process. */
export async function recordInstance(
  { runFile }: DockerLabContext,
  spec: InstanceSpec,
): Promise<InstanceRecord> {
  const owner = spec.name === LAB_INSTANCE ? null : (identify(process.pid) ?? null);
  const [capture = 0, sink = 0, verifier = 0] = await freePorts(3);
  const record: InstanceRecord = {
    name: spec.name,
    state: 'creating',
    owner,
    ports: { capture, sink, verifier },
    spec: structuredClone(spec) as InstanceRecord['spec'],
  };
  await runFile.update((run) => {
    if (run.instances[spec.name] !== undefined) {
      throw new LabError('CDC-5126', `There is an instance ${spec.name} already.`, {
        remedy: 'Choose another name, or drop that one.',
      });
    }
    run.instances[spec.name] = record;
  });
  return record;
}
