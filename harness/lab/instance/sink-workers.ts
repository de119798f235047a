import { engineOf } from '../engines.ts';
import type { Instance, SinkWorker } from '../lab.ts';

type Sinks = Pick<Instance, 'sinkWorkerUrl' | 'moreSinks'> & { readonly services: { readonly sink: string } };

/** All processes of the sink, the first one first. */
export function sinkWorkers(instance: Sinks): readonly [SinkWorker, ...SinkWorker[]] {
  const first = { service: instance.services.sink, url: instance.sinkWorkerUrl };
  return [first, ...(instance.moreSinks ?? [])];
}

/** A worker to ask about the sink's connector. */
export interface SinkHost extends SinkWorker {
  /** Workers that would give the same answer. */
  readonly otherUrls: readonly string[];
}

/** The workers to ask: all of ours, since each knows only its own task; one of a Connect cluster, whose workers answer for
 * each other. */
export function sinkHosts(instance: Sinks & Pick<Instance, 'engines'>): readonly [SinkHost, ...SinkHost[]] {
  const [first, ...others] = sinkWorkers(instance);
  const isCluster = engineOf('sink', instance.engines).host === 'connect';
  if (isCluster) return [{ ...first, otherUrls: others.map(({ url }) => url) }];
  const alone = (worker: SinkWorker): SinkHost => ({ ...worker, otherUrls: [] });
  return [alone(first), ...others.map(alone)];
}
