import type { Instance, StartedWorkload, WorkloadSpec, WorkloadSummary } from '../lab/lab.ts';
import type { Evidence } from '../plugins/fault.ts';
import type { Workloads } from '../plugins/step.ts';
import { withDeadline } from '../wait.ts';
import type { Bounds } from './bounds.ts';

/** The workloads on one instance. */
export class RunningWorkloads implements Workloads {
  readonly #instance: Instance;
  readonly #note: (step: string, detail: Evidence) => void;
  readonly #running = new Map<string, StartedWorkload>();
  #written: WorkloadSummary = { committed: 0, failed: 0, unknown: 0 };

  constructor(instance: Instance, note: (step: string, detail: Evidence) => void) {
    this.#instance = instance;
    this.#note = note;
  }

  /** What all workloads that have ended did, together. */
  get written(): WorkloadSummary {
    return this.#written;
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
    const summary = await workload.stop();
    this.#add(summary);
    this.#note(`workload ${name} stopped`, { ...summary });
  }

  async stopAll(): Promise<void> {
    for (const name of [...this.#running.keys()]) await this.stop(name);
  }

  async finish(name: string, { signal, withinMs }: Bounds): Promise<void> {
    const workload = this.#running.get(name);
    if (workload === undefined) return;
    const summary = await withDeadline(`workload ${name} to end`, withinMs, signal, () => workload.finished);
    this.#running.delete(name);
    this.#add(summary);
    this.#note(`workload ${name} ended`, { ...summary });
  }

  #add({ committed, failed, unknown, firstError }: WorkloadSummary): void {
    const sum = this.#written;
    const first = sum.firstError ?? firstError;
    this.#written = {
      committed: sum.committed + committed,
      failed: sum.failed + failed,
      unknown: sum.unknown + unknown,
      ...(first === undefined ? {} : { firstError: first }),
    };
  }
}
