import type { Instance, StartedWorkload, WorkloadSpec } from '../lab/lab.ts';
import type { Evidence } from '../plugins/fault.ts';
import type { Workloads } from '../plugins/step.ts';
import { withDeadline } from '../wait.ts';
import type { Bounds } from './bounds.ts';

/** The workloads on one instance. */
export class RunningWorkloads implements Workloads {
  readonly #instance: Instance;
  readonly #note: (step: string, detail: Evidence) => void;
  readonly #running = new Map<string, StartedWorkload>();

  constructor(instance: Instance, note: (step: string, detail: Evidence) => void) {
    this.#instance = instance;
    this.#note = note;
  }

  async start(name: string, spec: WorkloadSpec): Promise<void> {
    const started = await this.#instance.startWorkload(spec);
    this.#running.set(name, started);
    // A step may await it later; a rejection before that must not end the process.
    started.finished.catch(() => undefined);
    this.#note(`workload ${name} started`, { ...spec });
  }

  async stop(name: string): Promise<void> {
    const workload = this.#running.get(name);
    if (workload === undefined) return;
    this.#running.delete(name);
    this.#note(`workload ${name} stopped`, { ...(await workload.stop()) });
  }

  async stopAll(): Promise<void> {
    for (const name of [...this.#running.keys()]) await this.stop(name);
  }

  async finish(name: string, { signal, withinMs }: Bounds): Promise<void> {
    const workload = this.#running.get(name);
    if (workload === undefined) return;
    const summary = await withDeadline(`workload ${name} to end`, withinMs, signal, () => workload.finished);
    this.#running.delete(name);
    this.#note(`workload ${name} ended`, { ...summary });
  }
}
