import { LabError } from '../../pipeline/contract/errors.ts';
import { sinkWorkers } from '../lab/instance/sink-workers.ts';
import type { Instance } from '../lab/lab.ts';
import type { Proof, Runtime, ServiceInfo } from '../lab/runtime.ts';
import type { WorkerRole } from './access.ts';

/** `capture`, `sink`, `verifier` and private servers are the instance's own; any other name is the lab's. */
export function serviceName(instance: Instance, name: string): string {
  if (name === 'capture' || name === 'sink' || name === 'verifier') return instance.services[name];
  const isPrivate = instance.privateServers?.some((server) => server === name) === true;
  return isPrivate ? `${name}@${instance.name}` : name;
}

/** Services of the worker processes of one half of the pipeline. */
export function workerServices(instance: Instance, role: WorkerRole): readonly string[] {
  if (role === 'capture') return [instance.services.capture];
  return sinkWorkers(instance).map(({ service }) => service);
}

/** @throws LabError if the lab has no such service. */
export async function infoOf(runtime: Runtime, service: string): Promise<ServiceInfo> {
  const services = await runtime.services();
  const info = services.find((candidate) => candidate.name === service);
  if (info !== undefined) return info;
  throw new LabError('CDC-5021', `the lab has no service ${service}`, {
    remedy: `it has ${services.map((candidate) => candidate.name).join(', ')}`,
  });
}

export async function isRunning(runtime: Runtime, service: string): Promise<boolean> {
  return (await infoOf(runtime, service)).state === 'running';
}

/** Starts a service that is down or dead; null if there was nothing to do. */
export async function startIfDown(
  runtime: Runtime,
  service: string,
  signal: AbortSignal,
): Promise<Proof | null> {
  signal.throwIfAborted();
  const { state } = await infoOf(runtime, service);
  if (state === 'running') return null;
  if (state === 'paused') return (await runtime.resume?.(service)) ?? null;
  if (runtime.start === undefined) {
    throw new LabError('CDC-5022', `the ${runtime.name} runtime cannot start ${service}`, {
      remedy: 'start it by hand',
    });
  }
  return runtime.start(service);
}
