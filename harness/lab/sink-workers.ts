import { engineOf } from './engines.ts';
import type { Instance, SinkWorker } from './instance.ts';

type Sinks = Pick<Instance, 'sinkWorkerUrl' | 'moreSinks'> & { readonly services: { readonly sink: string } };

/** All processes of the sink, the first one first. */
export function sinkWorkers(instance: Sinks): readonly [SinkWorker, ...SinkWorker[]] {
  const first = { service: instance.services.sink, url: instance.sinkWorkerUrl };
  return [first, ...(instance.moreSinks ?? [])];
}

/**
 * Workers that are to be asked about the sink's connector. Each of ours knows its own task only; those of a Connect
 * cluster answer for one another.
 */
export function sinkHosts(
  instance: Sinks & Pick<Instance, 'engines'>,
): readonly [SinkWorker, ...SinkWorker[]] {
  const all = sinkWorkers(instance);
  return engineOf('sink', instance.engines).host === 'connect' ? [all[0]] : all;
}
