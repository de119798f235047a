import type { ContainerSpec } from '../../runtimes/docker/launch.ts';
import {
  connectNames,
  ENDS_WITHOUT_MEMORY,
  OFFSET_FLUSH_INTERVAL_MS,
  SMALL_JVM,
} from '../../runtimes/process/connect.ts';
import type { InstanceSpec } from '../instance.ts';
import { clusterOf, type InstancePlan } from '../instance-plan.ts';
import type { DockerLabContext } from './context.ts';
import { INSIDE_PORT } from './services.ts';

/** As `docker-compose.yml` has it. */
export const CONNECT_IMAGE = 'quay.io/debezium/connect:3.5.0.Final';

/**
 * A worker of Kafka Connect in a cluster for one half of the pipeline, so that each can be killed alone. `plan` is as
 * the containers see it. The image's own variables say what a properties file says in the process runtime.
 */
export function connectContainer(
  { password }: DockerLabContext,
  plan: InstancePlan,
  spec: InstanceSpec,
  place: { readonly role: 'capture' | 'sink'; readonly hostPort: number },
): ContainerSpec {
  const { group, topics } = connectNames(clusterOf(plan, place.role));
  const named = process.env.CDC_LAB_IMAGE_CONNECT ?? '';
  return {
    service: plan.services[place.role],
    kind: 'worker',
    instance: plan.name,
    image: named === '' ? CONNECT_IMAGE : named,
    args: ['start'],
    // The image's own, which is not root.
    user: '',
    env: {
      BOOTSTRAP_SERVERS: plan.bootstrapServers.join(','),
      GROUP_ID: group,
      CONFIG_STORAGE_TOPIC: topics.configs,
      OFFSET_STORAGE_TOPIC: topics.offsets,
      STATUS_STORAGE_TOPIC: topics.status,
      OFFSET_FLUSH_INTERVAL_MS: String(spec.connect?.offsetFlushMs ?? OFFSET_FLUSH_INTERVAL_MS),
      CONNECT_CONFIG_STORAGE_REPLICATION_FACTOR: '1',
      CONNECT_OFFSET_STORAGE_REPLICATION_FACTOR: '1',
      CONNECT_OFFSET_STORAGE_PARTITIONS: '1',
      CONNECT_STATUS_STORAGE_REPLICATION_FACTOR: '1',
      CONNECT_STATUS_STORAGE_PARTITIONS: '1',
      CONNECT_PLUGIN_DISCOVERY: 'service_load',
      CONNECT_CONFIG_PROVIDERS: 'env',
      CONNECT_CONFIG_PROVIDERS_ENV_CLASS: 'org.apache.kafka.common.config.provider.EnvVarConfigProvider',
      HEAP_OPTS: [...SMALL_JVM, ENDS_WITHOUT_MEMORY].join(' '),
      PGPASSWORD: password,
      TZ: 'UTC',
    },
    folders: [],
    port: { inside: INSIDE_PORT, host: place.hostPort },
  };
}
