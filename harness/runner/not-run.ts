import type { EnginePair } from '../lab/engines.ts';
import type { Lab } from '../lab/lab.ts';
import type { Fault } from '../plugins/fault.ts';
import { forEngines, notRun } from '../plugins/for-engines.ts';
import { isFaultStep, type Scenario, type VariantName, variantOf, variantsOf } from '../plugins/scenario.ts';

interface PlannedVariant {
  readonly scenario: Scenario;
  readonly variant: VariantName;
  readonly swap?: boolean;
}

/** Why a variant is not run in this lab, on these engines; null if it is run. A variant that is not run has no verdict. */
export async function notRunHere(
  { scenario, variant, swap }: PlannedVariant,
  engines: EnginePair,
  lab: Lab,
  loadFault: (name: string) => Promise<Fault>,
): Promise<string | null> {
  const byEngines = notRun(scenario, variant, engines);
  if (byEngines !== null) return byEngines;
  if (swap && variantsOf(scenario).length < 2) return 'there is no other variant to swap it with';
  const { source, sink, defects } = variantOf(scenario, variant);
  if (source.engine !== undefined && lab.runtime.name !== 'process')
    return 'the textbook capture runs as a process only';
  const { atSource, touches = [], private: wanted = [] } = scenario;
  if (lab.runtime.name === 'external' && touches.includes('set-up'))
    return 'it takes a pipeline’s connectors, slot and sink tables away, which the lab does to its own pipelines only';
  const missing = wanted.filter((server) => lab.privateServers?.includes(server) !== true);
  if (missing.length > 0)
    return `it needs servers of its own (${missing.join(', ')}), which the ${lab.runtime.name} runtime does not start`;
  const byLab = await lab.cannotHost?.({
    source,
    sink,
    ...(defects === undefined ? {} : { defects }),
    ...(atSource === undefined ? {} : { atSource }),
  });
  if (byLab !== undefined && byLab !== null) return byLab;
  const { inject, hold, settle } = forEngines(scenario, engines).steps;
  for (const step of [...inject, ...hold, ...settle]) {
    if (!isFaultStep(step)) continue;
    const { needs } = await loadFault(step.fault);
    const lacking = needs.filter((capability) => lab.runtime[capability] === undefined);
    if (lacking.length > 0) {
      return `${step.fault}: the ${lab.runtime.name} runtime cannot ${lacking.join(', ')} a service`;
    }
  }
  return null;
}
