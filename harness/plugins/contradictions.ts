import { didYouMean } from '../../pipeline/contract/nearest.ts';
import { isFaultStep, type Scenario, type ScenarioDefinition } from './scenario.ts';
import { MAIN_WORKLOAD } from './step.ts';

/** What a file says that no case of it would do, as a sentence; null: nothing. */
export function ignoredIn({ cases, trigger, steps }: ScenarioDefinition): string | null {
  if (cases === undefined) return null;
  const all = Object.values(cases);
  if (all.length === 0)
    return 'its `cases` are empty, so that nothing would run: leave them out, or name one';
  if (trigger !== undefined)
    return 'a scenario with `cases` has no `trigger`: each case is triggered as ID/NAME';
  if (steps.inject.length > 0 && all.every((own) => own.steps?.inject !== undefined))
    return 'its `steps.inject` would never run, because each case has its own: leave it empty';
  return null;
}

/** What the steps of one scenario or case cannot do, as a sentence; null: nothing. */
export function impossibleIn({ steps: { inject, hold, settle } }: Pick<Scenario, 'steps'>): string | null {
  const late = settle.find(isFaultStep);
  if (late !== undefined)
    return `the fault ${late.fault} in \`settle\` would never be healed: inject it in \`inject\` or \`hold\``;
  const started = [MAIN_WORKLOAD];
  for (const { do: type, as } of [...inject, ...hold, ...settle]) {
    if (typeof as !== 'string') continue;
    if (type === 'start-workload') started.push(as);
    else if (!started.includes(as))
      return `the step ${type} names a workload "${as}" that no step before it starts.${didYouMean(as, started)}`;
  }
  return null;
}
