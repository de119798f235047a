import { type EnginePair, engineOf, OWN_ENGINES, pairName } from '../lab/engines.ts';
import type { Where } from './clause.ts';
import { PHASES, type PipelineVariant, type Scenario, type VariantName, variantOf } from './scenario.ts';

/** Whether something in a scenario is for these engines. */
export function isFor(where: Where | undefined, engines: EnginePair): boolean {
  const { source = engines.source, sink = engines.sink } = where ?? {};
  return source === engines.source && sink === engines.sink;
}

/**
 * The scenario for these engines: their steps, proofs and clauses, and the verdicts expected of them. Variants that are
 * not run are left unchanged: see {@link notRun}.
 */
export function forEngines(scenario: Scenario, engines: EnginePair): Scenario {
  const own = <T extends { readonly where?: Where }>(list: readonly T[]): T[] =>
    list.filter(({ where }) => isFor(where, engines));
  const { steps, contract, lateProofs, variants, deadlinesMs } = scenario;
  const allowanceMs = engineOf('source', engines).allowanceMs + engineOf('sink', engines).allowanceMs;
  const later = PHASES.map((phase) => [phase, deadlinesMs[phase] + allowanceMs]);
  return {
    ...scenario,
    steps: { inject: own(steps.inject), hold: own(steps.hold), settle: own(steps.settle) },
    contract: {
      ...contract,
      recoverWithinMs: contract.recoverWithinMs + allowanceMs,
      clauses: own(contract.clauses),
    },
    lateProofs: own(lateProofs),
    deadlinesMs: Object.fromEntries(later) as Scenario['deadlinesMs'],
    variants: {
      sound: variantFor(variants.sound, engines),
      ...(variants.naive === undefined ? {} : { naive: variantFor(variants.naive, engines) }),
    },
  };
}

function variantFor(variant: PipelineVariant, engines: EnginePair): PipelineVariant {
  const name = pairName(engines);
  const own = name === pairName(OWN_ENGINES) ? undefined : variant.engines?.[name];
  return own === undefined || 'notRun' in own ? variant : { ...variant, ...own };
}

/** Why a variant is not run on these engines; null if it is run. */
export function notRun(scenario: Scenario, variant: VariantName, engines: EnginePair): string | null {
  const name = pairName(engines);
  if (scenario.variants[variant] === undefined) return `the scenario has no ${variant} variant`;
  if (name === pairName(OWN_ENGINES)) return null;
  const { defects = {}, engines: expectations } = variantOf(scenario, variant);
  const own = expectations?.[name];
  if (own === undefined) return `the scenario declares no verdict for ${name}`;
  if ('notRun' in own) return own.notRun;
  for (const [role, planted] of [
    ['source', defects.capture],
    ['sink', defects.sink],
  ] as const) {
    const engine = engineOf(role, engines);
    if (!engine.defects && (planted ?? []).length > 0) return `no defect can be planted in ${engine.title}`;
  }
  return null;
}
