/**
 * `pipeline/capture`: the source connector, which takes the keys of Debezium's PostgreSQL connector.
 * In: a configuration, and what the worker gives to each task.
 * Out: change events in Kafka, and the position in the offsets topic.
 * Promises: at least once, in commit order per key, each event with the same position whenever it is resent; a gap or a
 * value that cannot be captured stops the task and is never skipped (`when_needed` answers a gap with a snapshot).
 */

import type {
  ConfigProblem,
  ConnectorConfig,
  ConnectorOffset,
  ConnectorPlugin,
  Task,
  TaskContext,
} from '../contract/connector.ts';
import { LabError } from '../contract/errors.ts';
import { parseConfig, type SourceConfig } from './config/source-config.ts';
import { CONNECTOR_CLASS } from './config/source-keys.ts';
import { validateConfig } from './config/validate-config.ts';
import { OffsetStore } from './position/offset-store.ts';
import { formatOffset, parseOffset } from './position/source-offset.ts';
import type { Parts } from './session.ts';
import { SourceTask } from './task.ts';

/** The plug-in that hosts the source connector in a worker. */
export function createPostgresSource(parts: Parts): ConnectorPlugin {
  return {
    className: CONNECTOR_CLASS,
    type: 'source',
    version: '0.1.0',
    validate: validateConfig,
    async start(config: ConnectorConfig, context: TaskContext): Promise<Task> {
      return new SourceTask(checked(config), context, parts);
    },
    async offsets(config: ConnectorConfig, context: TaskContext): Promise<readonly ConnectorOffset[]> {
      const source = checked(config);
      const store = new OffsetStore(source, context);
      const value = await store.load();
      if (value === null) return [];
      return [{ partition: { server: source.topicPrefix }, offset: value as Record<string, unknown> }];
    },
    async alterOffsets(
      config: ConnectorConfig,
      context: TaskContext,
      offsets: readonly ConnectorOffset[] | null,
    ): Promise<void> {
      await alter(checked(config), context, offsets);
    },
  };
}

async function alter(
  config: SourceConfig,
  context: TaskContext,
  offsets: readonly ConnectorOffset[] | null,
): Promise<void> {
  const store = new OffsetStore(config, context);
  try {
    await store.load();
    if (offsets === null) return await store.store(null);
    for (const { partition, offset } of offsets) {
      if (partition.server !== config.topicPrefix || Object.keys(partition).length !== 1) {
        throw new LabError('CDC-1052', `${JSON.stringify(partition)} is not a partition of this connector.`, {
          remedy: `Its only partition is {"server":${JSON.stringify(config.topicPrefix)}}.`,
        });
      }
      await store.store(offset === null ? null : formatOffset(parseOffset(offset)));
    }
  } finally {
    await store.close();
  }
}

/** @throws LabError CDC-1000 with every problem of the configuration. */
function checked(config: ConnectorConfig): SourceConfig {
  const problems: readonly ConfigProblem[] = validateConfig(config);
  if (problems.length === 0) return parseConfig(config);
  throw new LabError('CDC-1000', `The configuration is wrong: ${problems.map((p) => p.message).join(' ')}`, {
    remedy: 'Correct these keys; PUT /connector-plugins/…/config/validate lists them, too.',
  });
}
