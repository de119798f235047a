import { refuseCluster } from '../instance/brokers.ts';
import { checkInstanceName } from '../instance/instance-plan.ts';
import type { Instance, InstanceSpec, Lab } from '../lab.ts';
import type { Runtime } from '../runtime.ts';
import { buildOrDrop, recordInstance } from '../state/record-instance.ts';
import type { DockerLabContext } from './docker-context.ts';
import { buildInstance, dropInstance, standingInstance } from './docker-instance.ts';

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
    refuseCluster(spec, 'docker');
    const record = await recordInstance(this.#context.runFile, spec);
    const drop = () => dropInstance(this.#context, spec.name);
    await buildOrDrop(buildInstance(this.#context, record, signal), drop);
    return standingInstance(this.#context, record);
  }
}
