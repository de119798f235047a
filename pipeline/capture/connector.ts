import type {
  ConfigProblem,
  ConnectorConfig,
  ConnectorOffset,
  ConnectorPlugin,
  Task,
  TaskContext,
} from '../contract/connector.ts';
import { LabError } from '../contract/errors.ts';
import { parseConfig, type SourceConfig, validateConfig } from './config/source-config.ts';
import { CONNECTOR_CLASS } from './config/source-keys.ts';
import { formatOffset, parseOffset } from './position/source-offset.ts';
import { createOffsetStore, type Parts } from './session.ts';
import { SourceTask } from './task.ts';

/**
 * The source connector: a PostgreSQL database by logical replication, with the configuration keys of
 * Debezium.
 */
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
      const store = createOffsetStore(source, context);
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
  const store = createOffsetStore(config, context);
  try {
    await store.load();
    if (offsets === null) return await store.store(null);
    for (const { partition, offset } of offsets) {
      if (partition.server !== config.topicPrefix || Object.keys(partition).length !== 1) {
        throw new LabError('CDC-1052', `${JSON.stringify(partition)} is no partition of this connector.`, {
          remedy: `It has one: {"server":${JSON.stringify(config.topicPrefix)}}.`,
        });
      }
      await store.store(offset === null ? null : formatOffset(parseOffset(offset)));
    }
  } finally {
    await store.close();
  }
}

/** @throws LabError with every problem, where there are any. */
function checked(config: ConnectorConfig): SourceConfig {
  const problems: readonly ConfigProblem[] = validateConfig(config);
  if (problems.length === 0) return parseConfig(config);
  throw new LabError('CDC-1000', `The configuration is wrong: ${problems.map((p) => p.message).join(' ')}`, {
    remedy: 'Put these keys right; GET /connector-plugins/…/config/validate lists them too.',
  });
}
