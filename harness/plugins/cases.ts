import type { Case, PipelineVariant, Scenario, ScenarioDefinition, Variants } from './scenario.ts';

/** What a file holds to run: the scenario itself, or each of its cases, in order. */
export function casesOf(id: string, kind: string, definition: ScenarioDefinition): Scenario[] {
  const { cases, ...whole } = definition;
  if (cases === undefined) return [{ ...whole, id, kind }];
  return Object.entries(cases).map(([name, own]) => caseOf({ ...whole, id, kind }, name, own));
}

function caseOf(whole: Scenario, name: string, own: Case): Scenario {
  const { steps, variants, ...rest } = own;
  return {
    ...whole,
    title: `${whole.title}: ${name.replaceAll('-', ' ')}`,
    ...rest,
    id: `${whole.id}/${name}`,
    steps: { ...whole.steps, ...steps },
    variants: variantsOfCase(whole.variants, variants ?? {}),
  };
}

/** A case may have a naive variant that the scenario lacks only if it says all that a variant needs. */
function variantsOfCase(whole: Variants, own: NonNullable<Case['variants']>): Variants {
  const sound: PipelineVariant = { ...whole.sound, ...own.sound };
  if (whole.naive === undefined && own.naive === undefined) return { sound };
  return { sound, naive: { ...whole.naive, ...own.naive } as PipelineVariant };
}
