import { LabError } from '../../../pipeline/contract/errors.ts';
import { OWN_ENGINES, pairText } from '../engines.ts';
import type { UpOptions } from '../lab.ts';
import type { InstanceRecord } from '../state/run-file.ts';

/** @throws LabError CDC-5144, CDC-5148 where another pipeline is asked for than the one that stands. */
export function refuseOtherPipeline(
  standing: InstanceRecord['spec'],
  options: Pick<UpOptions, 'engines' | 'sinkWorkers'>,
  stateDir: string,
): void {
  const pair = pairText(standing.engines ?? OWN_ENGINES);
  const wanted = pairText(options.engines ?? standing.engines ?? OWN_ENGINES);
  if (pair !== wanted) {
    throw new LabError('CDC-5144', `The lab in ${stateDir} runs ${pair}, not ${wanted}.`, {
      remedy: 'A pipeline keeps its engines: `cdc-lab clean`, then `cdc-lab up` with the others.',
    });
  }
  const { sinkWorkers = 1 } = standing;
  if (options.sinkWorkers === undefined || options.sinkWorkers === sinkWorkers) return;
  const said = `${sinkWorkers} sink worker${sinkWorkers === 1 ? '' : 's'}`;
  throw new LabError('CDC-5148', `The lab in ${stateDir} has ${said}, not ${options.sinkWorkers}.`, {
    remedy: 'A pipeline keeps its workers: `cdc-lab clean`, then `cdc-lab up` with as many as you want.',
  });
}
