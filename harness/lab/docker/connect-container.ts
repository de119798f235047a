import type { ConnectTuning } from '../engines.ts';
import { connectJvm, imageVariables, tunedTimers, workerProperties } from '../instance/connect-worker.ts';
import { clusterOf, type InstancePlan } from '../instance/instance-plan.ts';
import type { InstanceSpec } from '../lab.ts';
import { type DockerLabContext, INSIDE_PORT } from './docker-context.ts';
import type { ContainerSpec } from './launch.ts';

/** The same as in `docker-compose.yml`. */
export const CONNECT_IMAGE = 'quay.io/debezium/connect:3.6.0.Final';

/** A worker's environment, without the password: the properties that it has in the process runtime. */
export function connectVariables(
  bootstrapServers: readonly string[],
  cluster: string,
  { jvm, ...timers }: ConnectTuning = {},
): Record<string, string> {
  const properties = workerProperties({ bootstrapServers, cluster, properties: tunedTimers(timers) });
  return { ...imageVariables(properties), HEAP_OPTS: connectJvm(jvm).join(' '), TZ: 'UTC' };
}

/**
 * A Connect worker for one half of the pipeline, in its own Connect cluster, so that either half can be killed alone.
 * @param plan As the containers see it.
 */
export function connectContainer(
  { password }: DockerLabContext,
  plan: InstancePlan,
  spec: InstanceSpec,
  place: { readonly role: 'capture' | 'sink'; readonly hostPort: number },
): ContainerSpec {
  const named = process.env.CDC_LAB_IMAGE_CONNECT ?? '';
  return {
    service: plan.services[place.role],
    kind: 'worker',
    instance: plan.name,
    image: named === '' ? CONNECT_IMAGE : named,
    args: ['start'],
    // The image's own user, who is not root.
    user: '',
    env: {
      ...connectVariables(plan.bootstrapServers, clusterOf(plan, place.role), spec.connect),
      PGPASSWORD: password,
    },
    folders: [],
    port: { inside: INSIDE_PORT, host: place.hostPort },
  };
}
