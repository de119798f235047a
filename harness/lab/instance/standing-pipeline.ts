import { UsageError } from '../../errors.ts';
import { engineOf, OWN_ENGINES } from '../engines.ts';
import type { InstanceSpec, Lab, UpOptions } from '../lab.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';

const SEED_ROWS = 1_000;
const VERIFY_EVERY_MS = 5_000;

/** The pipeline that `up` makes, in whichever runtime. */
export function standingSpec({ engines, sinkWorkers, alertLag, dedup, seed }: UpOptions): InstanceSpec {
  return {
    name: LAB_INSTANCE,
    source: { file: 'source' },
    sink: { file: 'sink', ...(dedup === undefined ? {} : { overrides: { 'dedup.mode': dedup } }) },
    engines: engines ?? OWN_ENGINES,
    sinkWorkers,
    alertLag,
    verifyEveryMs: VERIFY_EVERY_MS,
    seedRows: SEED_ROWS,
    seed,
  };
}

/** @throws UsageError where the sink is one that has no `dedup.mode`. */
export function refuseDedup(
  { dedup, engines }: Pick<UpOptions, 'dedup' | 'engines'>,
  existing: InstanceSpec['engines'],
): void {
  const sink = engineOf('sink', engines ?? existing ?? OWN_ENGINES);
  if (dedup === undefined || sink.host === 'worker') return;
  throw new UsageError(
    `--dedup is for the lab's own sink, and ${sink.title} has no such mode`,
    'leave out --dedup, or take --sink ts',
  );
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
