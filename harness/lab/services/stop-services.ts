import { settleAll } from '../../settle-all.ts';
import type { Proof, ServiceInfo } from '../runtime.ts';

interface Stopper {
  services(): Promise<readonly ServiceInfo[]>;
  stop(service: string): Promise<Proof>;
}

/** Writers first, servers last: each still finds its peers alive while it ends. */
const STAGES: readonly (readonly ServiceInfo['kind'][])[] = [
  ['workload', 'verifier'],
  ['worker'],
  ['postgres', 'kafka'],
];

export async function stopServices(runtime: Stopper, services: readonly ServiceInfo[]): Promise<Proof[]> {
  const proofs: Proof[] = [];
  for (const kinds of STAGES) {
    const stage = services.filter((service) => kinds.includes(service.kind));
    proofs.push(...(await settleAll(stage.map((service) => runtime.stop(service.name)))));
  }
  return proofs;
}

/** Stops every service that is not stopped yet. */
export async function stopAll(runtime: Stopper): Promise<Proof[]> {
  const services = await runtime.services();
  return stopServices(
    runtime,
    services.filter(({ state }) => state !== 'stopped'),
  );
}

/** Runs `work`. If it fails, stops the services that were not running before, so that nothing is left half started. */
export async function stopStartedOnFailure<T>(runtime: Stopper, work: () => Promise<T>): Promise<T> {
  const before = new Map((await runtime.services()).map(({ name, state }) => [name, state]));
  try {
    return await work();
  } catch (error) {
    const started = (await runtime.services()).filter(
      ({ name, state }) => state !== 'stopped' && before.get(name) !== 'running',
    );
    await stopServices(runtime, started);
    throw error;
  }
}
