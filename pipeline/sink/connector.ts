/**
 * `pipeline/sink`: the sink connector, which applies Debezium's change events to PostgreSQL.
 * In: a configuration with the keys of Debezium's JDBC sink, and the topics that it names.
 * Out: rows in the sink database, and its own tables (`contract/sink-tables.ts`): offsets, tombstones, counters.
 * Promises: each partition is applied in offset order; rows and offset are committed in one transaction, so an event has
 *   its effect exactly once; a record that cannot be applied goes to the dead-letter topic or stops the task.
 */

import { Admin } from '@platformatic/kafka';
import type {
  ConfigProblem,
  ConnectorConfig,
  ConnectorOffset,
  ConnectorPlugin,
  Task,
  TaskContext,
} from '../contract/connector.ts';
import { LabError } from '../contract/errors.ts';
import { OFFSETS_TABLE } from '../contract/sink-tables.ts';
import { ensureBookkeeping } from './apply/bookkeeping.ts';
import { OffsetStore } from './apply/offset-store.ts';
import { connectPool } from './apply/pool.ts';
import { parseSinkConfig, validateSinkConfig } from './config/sink-config.ts';
import { CLASS_NAME } from './config/sink-keys.ts';
import { groupIdOf, SinkTask } from './task.ts';

const VERSION = '0.1.0';

function requireValid(problems: readonly ConfigProblem[]): void {
  const first = problems[0];
  if (first === undefined) return;
  throw new LabError('CDC-2030', problems.map((problem) => problem.message).join('; '), {
    remedy: 'Correct the configuration of the sink connector.',
  });
}

async function withClient<T>(
  config: ConnectorConfig,
  context: TaskContext,
  work: (client: import('pg').PoolClient) => Promise<T>,
): Promise<T> {
  requireValid(validateSinkConfig(config));
  const parsed = parseSinkConfig(config);
  const pool = connectPool(parsed, context.connector, context.log);
  try {
    const client = await pool.connect();
    try {
      await ensureBookkeeping(client, parsed.connection.schemas[0]);
      return await work(client);
    } finally {
      client.release();
    }
  } finally {
    await pool.end();
  }
}

async function listOffsets(config: ConnectorConfig, context: TaskContext): Promise<ConnectorOffset[]> {
  const store = new OffsetStore(context.connector, context.workerId);
  const rows = await withClient(config, context, (client) => store.list(client));
  return rows.map(({ topic, partition, nextOffset }) => ({
    // The keys that Kafka Connect prints for a sink connector.
    partition: { kafka_topic: topic, kafka_partition: partition },
    offset: { kafka_offset: Number(nextOffset) },
  }));
}

function admin(context: TaskContext): Admin {
  return new Admin({
    clientId: `${context.connector}-offsets`.replaceAll(/\s/g, '_'),
    bootstrapBrokers: [...context.bootstrapServers],
    retries: 2,
  });
}

interface Target {
  readonly topic: string;
  readonly partition: number;
  /** Null removes it. */
  readonly offset: bigint | null;
}

function targetOf({ partition, offset }: ConnectorOffset): Target {
  const { kafka_topic: topic, kafka_partition: id } = partition;
  const to = offset === null ? null : offset.kafka_offset;
  if (
    typeof topic !== 'string' ||
    !Number.isInteger(id) ||
    (to !== null && (typeof to !== 'number' || !Number.isInteger(to) || to < 0))
  ) {
    throw new LabError('CDC-2031', 'an offset in the request is malformed', {
      remedy:
        'Each must look like {"partition": {"kafka_topic": "…", "kafka_partition": 0}, "offset": {"kafka_offset": 0}}; a null offset removes it.',
    });
  }
  return { topic, partition: Number(id), offset: to === null ? null : BigInt(to as number) };
}

/** Sets or removes offsets in the sink database, and in the consumer group so that the two agree. */
async function alterOffsets(
  config: ConnectorConfig,
  context: TaskContext,
  offsets: readonly ConnectorOffset[] | null,
): Promise<void> {
  const groupId = groupIdOf(context.connector);
  const targets =
    offsets?.map(targetOf) ??
    (await listOffsets(config, context)).map((o) => targetOf({ ...o, offset: null }));
  const kafka = admin(context);
  try {
    const topics = [...new Set(targets.map(({ topic }) => topic))];
    const metadata = await kafka.metadata({ topics: [...topics] });
    await withClient(config, context, async (client) => {
      for (const { topic, partition, offset } of targets) {
        if (offset === null) {
          await client.query(
            `DELETE FROM ${OFFSETS_TABLE} WHERE connector = $1 AND topic = $2 AND partition = $3`,
            [context.connector, topic, partition],
          );
          continue;
        }
        await client.query(
          `INSERT INTO ${OFFSETS_TABLE} AS o
             (connector, topic, partition, next_offset, cluster_id, topic_id, epoch, owner)
           VALUES ($1, $2, $3, $4, $5, $6, 1, $7) ON CONFLICT (connector, topic, partition) DO UPDATE
             SET next_offset = EXCLUDED.next_offset, cluster_id = EXCLUDED.cluster_id,
                 topic_id = EXCLUDED.topic_id, epoch = o.epoch + 1, owner = EXCLUDED.owner, updated_at = now()`,
          [
            context.connector,
            topic,
            partition,
            offset.toString(),
            metadata.id,
            metadata.topics.get(topic)?.id ?? '',
            context.workerId,
          ],
        );
      }
    });
    if (offsets === null) await forgetGroup(kafka, groupId);
    else await alterGroup(kafka, groupId, targets);
  } finally {
    await kafka.close();
  }
}

async function forgetGroup(kafka: Admin, groupId: string): Promise<void> {
  const groups = await kafka.listGroups();
  if (groups.has(groupId)) await kafka.deleteGroups({ groups: [groupId] });
}

async function alterGroup(kafka: Admin, groupId: string, targets: readonly Target[]): Promise<void> {
  for (const { topic, partition, offset } of targets) {
    if (offset === null) {
      await kafka.deleteConsumerGroupOffsets({
        groupId,
        topics: [{ name: topic, partitionIndexes: [partition] }],
      });
    } else {
      await kafka.alterConsumerGroupOffsets({
        groupId,
        topics: [{ name: topic, partitionOffsets: [{ partition, offset }] }],
      });
    }
  }
}

/** The sink connector, under the class name and with the keys of Debezium's JDBC sink. */
export function createJdbcSink(): ConnectorPlugin {
  return {
    className: CLASS_NAME,
    type: 'sink',
    version: VERSION,
    validate: validateSinkConfig,
    start(config: ConnectorConfig, context: TaskContext): Promise<Task> {
      try {
        requireValid(validateSinkConfig(config));
        return Promise.resolve(new SinkTask(parseSinkConfig(config), context));
      } catch (error) {
        return Promise.reject(error);
      }
    },
    offsets: listOffsets,
    alterOffsets,
  };
}
