import { openAccess } from '../../access/live-access.ts';
import type { Lab } from '../../lab/lab.ts';
import { loadFault } from '../../plugins/catalogue.ts';
import { type Scenario, variantsOf } from '../../plugins/scenario.ts';
import type { RunOptions } from '../plan.ts';
import type { RunResult } from '../result.ts';
import { runAll } from '../run-all.ts';

/** Runs each scenario on the lab, sound and naive; `own` changes how. */
export function runBothVariants(
  lab: Lab,
  scenarios: readonly Scenario[],
  own: Partial<RunOptions> = {},
): Promise<RunResult> {
  return runAll(
    {
      plan: scenarios.flatMap((scenario) => variantsOf(scenario).map((variant) => ({ scenario, variant }))),
      tunables: {},
      seed: 42,
      keep: false,
      noOp: false,
      swap: false,
      reproduce: 'cdc-lab run --all --seed 42',
      ...own,
    },
    { lab, openAccess, loadFault, listen: () => undefined, signal: new AbortController().signal },
  );
}

/** What a failing test should print: each verdict with its reason. */
export function verdictsOf({ results }: RunResult): string {
  return results
    .map((one) => `${one.scenario} ${one.variant}: ${one.verdict}, ${one.reason ?? 'as expected'}`)
    .join('\n');
}
