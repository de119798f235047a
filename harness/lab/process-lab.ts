import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { ensureEngines } from '../runtimes/process/engines.ts';
import { freePorts } from '../runtimes/process/ports.ts';
import { identify } from '../runtimes/process/process-table.ts';
import type { InstanceRecord } from '../runtimes/process/run-file.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { LabContext } from './context.ts';
import { engineOf, needsConnect, OWN_ENGINES } from './engines.ts';
import type { Instance, InstanceSpec, Lab } from './instance.ts';
import { checkInstanceName } from './instance-plan.ts';
import { buildInstance, dropInstance, standingInstance } from './standing-instance.ts';

/** The instance that `up` makes, and that outlives the process. */
export const LAB_INSTANCE = 'lab';

/** A lab of the process runtime, whose servers run. */
export class ProcessLab implements Lab {
  readonly dir: string;
  readonly runId: string;
  readonly runtime: Runtime;
  readonly #context: LabContext;

  constructor(context: LabContext, runId: string) {
    this.#context = context;
    this.dir = context.stateDir;
    this.runId = runId;
    this.runtime = context.runtime;
  }

  async instance(name: string): Promise<Instance | undefined> {
    const record = this.#context.runFile.read()?.instances[name];
    return record?.state === 'ready' ? standingInstance(this.#context, record) : undefined;
  }

  /**
   * Any but the instance `lab` belongs to this process: when it ends, however it ends, the next `up` drops the rest.
   * @throws LabError CDC-5126 where one of that name exists.
   */
  async createInstance(spec: InstanceSpec, signal?: AbortSignal): Promise<Instance> {
    checkInstanceName(spec.name);
    refuseForeignDefects(spec);
    if (needsConnect(spec.engines ?? OWN_ENGINES)) await ensureEngines(() => undefined, signal);
    const record = await this.#record(spec);
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

  async #record(spec: InstanceSpec): Promise<InstanceRecord> {
    const owner = spec.name === LAB_INSTANCE ? null : (identify(process.pid) ?? null);
    const [capture = 0, sink = 0, verifier = 0] = await freePorts(3);
    const record: InstanceRecord = {
      name: spec.name,
      state: 'creating',
      owner,
      ports: { capture, sink, verifier },
      spec: structuredClone(spec) as InstanceRecord['spec'],
    };
    await this.#context.runFile.update((run) => {
      if (run.instances[spec.name] !== undefined) {
        throw new LabError('CDC-5126', `There is an instance ${spec.name} already.`, {
          remedy: 'Choose another name, or drop that one.',
        });
      }
      run.instances[spec.name] = record;
    });
    return record;
  }
}

/** @throws LabError CDC-5143 for a defect that is to be planted where none can be. */
function refuseForeignDefects({ defects = {}, engines = OWN_ENGINES }: InstanceSpec): void {
  for (const [role, names] of [
    ['source', defects.capture],
    ['sink', defects.sink],
  ] as const) {
    const engine = engineOf(role, engines);
    if (engine.defects || names === undefined || names.length === 0) continue;
    throw new LabError('CDC-5143', `${names.join(', ')} cannot be planted in ${engine.title}.`, {
      remedy: 'Defects are planted in the TypeScript pipeline only.',
    });
  }
}
