import { PRIVATE_SERVERS, type PrivateServer } from '../lab/lab.ts';
import type { Fault } from './fault.ts';
import { isFaultStep, type Scenario, type Step } from './scenario.ts';
import { SCOPES, type Scope } from './scope.ts';
import type { StepType } from './step.ts';

export interface Loaders {
  readonly loadFault: (name: string) => Promise<Pick<Fault, 'touches'>>;
  readonly loadStep: (name: string) => Promise<Pick<StepType, 'touches'>>;
}

type Parts = Pick<Scenario, 'steps' | 'contract' | 'private'>;

/** Of a fault or step that does not say it. */
const ITS_OWN: readonly Scope[] = ['instance'];

/** Everything that a scenario touches, in the order of {@link SCOPES}. */
export async function scopesOf({ steps, contract, private: asked = [] }: Parts, load: Loaders) {
  const touched = new Set<Scope>(asked);
  // Any open transaction on a shared server holds back every slot of it, and each slot's WAL is written by all.
  if (contract.clauses.some(({ kind }) => kind === 'wal-retained')) touched.add('pg-source');
  for (const step of [...steps.inject, ...steps.hold, ...steps.settle]) {
    for (const scope of await touchedBy(step, load)) touched.add(scope);
  }
  return SCOPES.filter((scope) => touched.has(scope));
}

async function touchedBy(step: Step, { loadFault, loadStep }: Loaders): Promise<readonly Scope[]> {
  const { do: type, where: _, ...own } = step;
  const [{ touches = ITS_OWN }, params] = isFaultStep(step)
    ? [await loadFault(step.fault), step.with]
    : [await loadStep(type), own];
  return typeof touches === 'function' ? touches(params) : touches;
}

/** The servers that a scenario must not share. */
export function privateServersIn(scopes: readonly Scope[]): PrivateServer[] {
  return PRIVATE_SERVERS.filter((server) => scopes.includes(server));
}
