import { LabError } from '../../../pipeline/contract/errors.ts';
import { engineOf, needsConnect, OWN_ENGINES } from '../engines.ts';
import { checkInstanceName } from '../instance/instance-plan.ts';
import type { Instance, InstanceSpec, Lab } from '../lab.ts';
import type { Runtime } from '../runtime.ts';
import { buildOrDrop, recordInstance } from '../state/record-instance.ts';
import { setAlertLag } from './adjust-instance.ts';
import type { LabContext } from './context.ts';
import { ensureEngines } from './fetch-engines.ts';
import { buildInstance, dropInstance, standingInstance } from './process-instance.ts';

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

  async setAlertLag(instance: string, events: number | null): Promise<readonly string[]> {
    const record = this.#context.runFile.read()?.instances[instance];
    return record === undefined ? [] : setAlertLag(this.#context, record, events);
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
    const record = await recordInstance(this.#context.runFile, spec);
    const drop = () => dropInstance(this.#context, spec.name);
    await buildOrDrop(buildInstance(this.#context, record, signal), drop);
    return standingInstance(this.#context, record);
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
