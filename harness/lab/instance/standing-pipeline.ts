import { OWN_ENGINES } from '../engines.ts';
import type { InstanceSpec, Lab, UpOptions } from '../lab.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';

const SEED_ROWS = 1_000;
const VERIFY_EVERY_MS = 5_000;

/** The pipeline that `up` makes, in whichever runtime. */
export function standingSpec({ engines, sinkWorkers, seed }: UpOptions): InstanceSpec {
  return {
    name: LAB_INSTANCE,
    source: { file: 'source' },
    sink: { file: 'sink' },
    engines: engines ?? OWN_ENGINES,
    sinkWorkers,
    verifyEveryMs: VERIFY_EVERY_MS,
    seedRows: SEED_ROWS,
    seed,
  };
}

/** Has its tables written to, where that is asked for and no workload runs yet. */
export async function startStandingWorkload(
  lab: Pick<Lab, 'runtime' | 'instance'>,
  { rate, seed, progress }: UpOptions,
): Promise<void> {
  if (rate <= 0) return;
  const services = await lab.runtime.services();
  if (services.some(({ kind, state }) => kind === 'workload' && state === 'running')) return;
  const instance = await lab.instance(LAB_INSTANCE);
  await instance?.startWorkload({ kind: 'mixed', rate, seed, transactions: null });
  progress(`workload writes ${rate} transactions/s`);
}
