import { LabError } from '../../../pipeline/contract/errors.ts';
import { UsageError } from '../../errors.ts';
import { DEFAULT_SEED } from '../defaults.ts';
import { engineOf, OWN_ENGINES, pairText } from '../engines.ts';
import type { InstanceSpec, UpOptions } from '../lab.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import type { InstanceRecord } from '../state/run-file.ts';

const SEED_ROWS = 1_000;
const VERIFY_EVERY_MS = 5_000;

/** The standing pipeline: the instance `lab`, which `up` sets up in every runtime. */
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
    seed: seed ?? DEFAULT_SEED,
  };
}

/** @throws UsageError if the sink has no `dedup.mode`. */
export function refuseDedup(
  { dedup, engines }: Pick<UpOptions, 'dedup' | 'engines'>,
  existing: InstanceSpec['engines'],
): void {
  const sink = engineOf('sink', engines ?? existing ?? OWN_ENGINES);
  if (dedup === undefined || sink.host === 'worker') return;
  throw new UsageError(
    `--dedup is for the lab's own sink, and ${sink.title} has no such mode`,
    'leave out --dedup, or use --sink ts',
  );
}

/** @throws LabError CDC-5144, CDC-5148, CDC-5149 if `up` asks for another pipeline than the folder's. */
export function refuseOtherPipeline(
  standing: InstanceRecord['spec'],
  options: Pick<UpOptions, 'engines' | 'sinkWorkers' | 'seed'>,
  stateDir: string,
): void {
  const pair = pairText(standing.engines ?? OWN_ENGINES);
  const wanted = pairText(options.engines ?? standing.engines ?? OWN_ENGINES);
  if (pair !== wanted) {
    throw new LabError('CDC-5144', `The lab in ${stateDir} runs ${pair}, not ${wanted}.`, {
      remedy:
        'The engines of a pipeline cannot change: `cdc-lab clean`, then `cdc-lab up` with the ones you want.',
    });
  }
  if (options.seed !== undefined && options.seed !== standing.seed) {
    const message = `The rows of the lab in ${stateDir} were made with seed ${standing.seed}, not ${options.seed}.`;
    throw new LabError('CDC-5149', message, {
      remedy: 'Leave out --seed; or `cdc-lab clean`, then `cdc-lab up` with the one you want.',
    });
  }
  const { sinkWorkers = 1 } = standing;
  if (options.sinkWorkers === undefined || options.sinkWorkers === sinkWorkers) return;
  const said = `${sinkWorkers} sink worker${sinkWorkers === 1 ? '' : 's'}`;
  throw new LabError('CDC-5148', `The lab in ${stateDir} has ${said}, not ${options.sinkWorkers}.`, {
    remedy: 'A pipeline keeps its workers: `cdc-lab clean`, then `cdc-lab up` with as many as you want.',
  });
}
