import { LabError } from '../../pipeline/contract/errors.ts';
import { didYouMean } from '../../pipeline/contract/nearest.ts';
import type { Instance, StartedWorkload, WorkloadSpec, WorkloadSummary } from '../lab/lab.ts';
import type { Evidence } from '../plugins/fault.ts';
import { MAIN_WORKLOAD, type Workloads } from '../plugins/step.ts';
import { settleAll } from '../settle-all.ts';
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

  /** @throws LabError CDC-5038 if one of that name is running: nobody could stop it any more. */
  async start(name: string, spec: WorkloadSpec): Promise<void> {
    if (this.#running.has(name)) {
      throw new LabError('CDC-5038', `a workload named "${name}" is running already`, {
        remedy: 'give the second one another name in `as`, or stop the first one before',
      });
    }
    const started = await this.#instance.startWorkload(spec);
    this.#running.set(name, started);
    // A step may await it later; a rejection before that must not end the process.
    started.finished.catch(() => undefined);
    this.#note(`workload ${name} started`, { ...spec });
  }

  async stop(name: string): Promise<void> {
    const workload = this.#find(name);
    if (workload === undefined) return;
    const summary = await workload.stop();
    this.#ended(name, 'stopped', summary);
  }

  /** Stops what runs, and goes on past one that cannot be stopped. @throws the first such error. */
  async stopAll(): Promise<void> {
    await settleAll([...this.#running.keys()].map((name) => this.stop(name)));
  }

  async finish(name: string, { signal, withinMs }: Bounds): Promise<void> {
    const workload = this.#find(name);
    if (workload === undefined) return;
    const summary = await withDeadline(`workload ${name} to end`, withinMs, signal, () => workload.finished);
    this.#ended(name, 'ended', summary);
  }

  /** Undefined: `main`, where the writer is not the run's, as under `cdc-lab trigger`. */
  #find(name: string): StartedWorkload | undefined {
    const workload = this.#running.get(name);
    if (workload !== undefined || name === MAIN_WORKLOAD) return workload;
    const known = [...this.#running.keys()];
    throw new LabError('CDC-5039', `no workload named "${name}" is running.${didYouMean(name, known)}`, {
      remedy: `running: ${known.join(', ') || 'none'}`,
    });
  }

  /** Only now is it forgotten: the writes of one that could not be stopped would be lost silently. */
  #ended(name: string, how: 'stopped' | 'ended', summary: WorkloadSummary): void {
    this.#running.delete(name);
    this.#add(summary);
    this.#note(`workload ${name} ${how}`, { ...summary });
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
