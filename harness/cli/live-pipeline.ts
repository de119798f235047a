import { loadFault, loadStep } from '../plugins/catalogue.ts';
import { isFaultStep, type Scenario } from '../plugins/scenario.ts';
import { scopesOf } from '../plugins/scopes-of.ts';

/**
 * Why a scenario cannot be triggered on the pipeline of `up`, as it reads after its id: it needs what that pipeline does not
 * have, or would not leave it as it was. Undefined: it can. Steps other than faults are left out by hand where they do harm.
 */
export async function whyNotLive(scenario: Scenario): Promise<string | undefined> {
  const { atSource, contract, steps, private: servers = [] } = scenario;
  if (atSource !== undefined)
    return 'needs tables of its own, which a pipeline that runs already does not carry';
  if (servers.length > 0)
    return `breaks a server that other pipelines use too (${servers.join(', ')}), and needs one for itself`;
  const faults = {
    inject: steps.inject.filter(isFaultStep),
    hold: steps.hold.filter(isFaultStep),
    settle: [],
  };
  const touched = await scopesOf({ contract, steps: faults }, { loadFault, loadStep });
  return touched.includes('set-up')
    ? 'takes parts of the pipeline away, such as its slot and the sink’s tables, or leaves its connectors changed'
    : undefined;
}
