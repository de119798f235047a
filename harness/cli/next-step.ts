import { UnavailableError } from '../errors.ts';
import type { Lab } from '../lab/lab.ts';
import type { ServiceInfo } from '../lab/runtime.ts';
import { loadStep } from '../plugins/catalogue.ts';
import { isFaultStep, type Scenario } from '../plugins/scenario.ts';

/** What of a lab does not run, and the command that puts it right. */
export interface Standstill {
  readonly services: readonly ServiceInfo[];
  /** One for each service, or one for all of a lab that is stopped. */
  readonly sentences: readonly string[];
  /** Null: the services are not the lab's to start. */
  readonly nextStep: string | null;
}

/** Looks at the servers, at the services of a pipeline, and at the writer that `up` keeps running on it. */
export async function standstillOf(lab: Lab, instance: string): Promise<Standstill> {
  const writer = await lab.writer?.();
  const isWriter = (name: string): boolean =>
    name === writer?.service && writer.rate > 0 && name.endsWith(`@${instance}`);
  const concerned = (await lab.runtime.services()).filter(
    ({ name, kind }) =>
      (!name.includes('@') || name.endsWith(`@${instance}`)) && (kind !== 'workload' || isWriter(name)),
  );
  const services = concerned.filter(({ state }) => state !== 'running');
  if (concerned.length > 0 && concerned.every(({ state }) => state === 'stopped')) {
    return { services, sentences: [`the lab in ${lab.dir} is stopped`], nextStep: 'cdc-lab up starts it' };
  }
  const sentences = services.map(
    ({ name, state, log }) => `${name}${isWriter(name) ? ', the writer,' : ''} is ${state}; its log: ${log}`,
  );
  return { services, sentences, nextStep: lab.runtime.start === undefined ? null : nextStepOf(services) };
}

/** `heal` undoes what broke; what was stopped on purpose, only `up` starts. */
function nextStepOf(services: readonly ServiceInfo[]): string {
  const what = services.length === 1 ? 'it' : 'them';
  if (services.some(({ state }) => state === 'stopped')) return `cdc-lab up starts ${what}`;
  return `cdc-lab heal starts ${what} again`;
}

/**
 * A lesson on a pipeline that does not run would only wait for its deadline.
 * @throws UnavailableError that names what is down, or says that nothing is written.
 */
export async function mustBeTriggerable(lab: Lab, instance: string, scenario: Scenario): Promise<void> {
  const { sentences, nextStep } = await standstillOf(lab, instance);
  if (sentences.length > 0)
    throw new UnavailableError(sentences.join('\n  '), nextStep ?? 'start it by hand');
  const writer = await lab.writer?.();
  if (writer === undefined || writer.rate > 0 || !(await waitsForWrites(scenario))) return;
  throw new UnavailableError(
    `${scenario.title}: the lesson waits for writes, and this lab has no writer`,
    'start one: cdc-lab up --rate 20',
  );
}

async function waitsForWrites({ steps }: Scenario): Promise<boolean> {
  for (const step of [...steps.inject, ...steps.hold]) {
    if ((await loadStep(step.do)).waitsForWrites) return true;
    // A crash point is reached by an event.
    if (isFaultStep(step) && (step.with.point !== undefined || step.with.at !== undefined)) return true;
  }
  return false;
}
