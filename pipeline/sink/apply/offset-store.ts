import type { ClientBase } from 'pg';
import { LabError } from '../../contract/errors.ts';
import { OFFSETS_TABLE } from '../../contract/sink-tables.ts';
import type { Claim } from './claim.ts';

/** Another owner has taken the partition, or its offset was changed: this task's batch must not be committed. */
export class ZombieError extends Error {
  constructor(topic: string, partition: number) {
    super(`${topic}-${partition} has another owner or another offset: this task is a zombie there`);
    this.name = 'ZombieError';
  }
}

/** The error of a task that lost its partitions again and again, and so never stores anything. */
export function lostTooOften(last: ZombieError, times: number): LabError {
  return new LabError(
    'CDC-2027',
    `Partitions were lost ${times} times in a row, without one batch stored: ${last.message}.`,
    {
      cause: last,
      remedy:
        'Another worker writes to this sink database as the same connector, perhaps from another Kafka cluster: stop it, or ' +
        'give one of the two another name. Then restart the task.',
    },
  );
}

/** The log that an offset belongs to. */
export interface LogIdentity {
  readonly clusterId: string;
  readonly topicId: string;
}

export interface StoredOffset extends LogIdentity {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: bigint;
  readonly epoch: bigint;
}

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly next_offset: string;
  readonly cluster_id: string;
  readonly topic_id: string;
  readonly epoch: string;
}

function stored(row: Row): StoredOffset {
  return {
    topic: row.topic,
    partition: row.partition,
    nextOffset: BigInt(row.next_offset),
    clusterId: row.cluster_id,
    topicId: row.topic_id,
    epoch: BigInt(row.epoch),
  };
}

const COLUMNS = 'topic, partition, next_offset, cluster_id, topic_id, epoch';

/** One connector's rows in the offsets table, which say what the sink has applied. */
export class OffsetStore {
  readonly #connector: string;
  readonly #owner: string;

  constructor(connector: string, owner: string) {
    this.#connector = connector;
    this.#owner = owner;
  }

  async list(client: ClientBase): Promise<StoredOffset[]> {
    const { rows } = await client.query<Row>(
      `SELECT ${COLUMNS} FROM ${OFFSETS_TABLE} WHERE connector = $1 ORDER BY topic, partition`,
      [this.#connector],
    );
    return rows.map(stored);
  }

  async read(client: ClientBase, topic: string, partition: number): Promise<StoredOffset | undefined> {
    const { rows } = await client.query<Row>(
      `SELECT ${COLUMNS} FROM ${OFFSETS_TABLE} WHERE connector = $1 AND topic = $2 AND partition = $3`,
      [this.#connector, topic, partition],
    );
    return rows[0] === undefined ? undefined : stored(rows[0]);
  }

  /** Takes a partition over: from now on the former owner's transactions cannot commit. Undefined at the first start. */
  async claim(client: ClientBase, topic: string, partition: number): Promise<StoredOffset | undefined> {
    const { rows } = await client.query<Row>(
      `UPDATE ${OFFSETS_TABLE} SET epoch = epoch + 1, owner = $4, updated_at = now()
        WHERE connector = $1 AND topic = $2 AND partition = $3 RETURNING ${COLUMNS}`,
      [this.#connector, topic, partition, this.#owner],
    );
    return rows[0] === undefined ? undefined : stored(rows[0]);
  }

  /** The first start of a partition. Undefined if another member was faster: {@link claim} it then. */
  async create(
    client: ClientBase,
    topic: string,
    partition: number,
    nextOffset: bigint,
    log: LogIdentity,
  ): Promise<StoredOffset | undefined> {
    const { rows } = await client.query<Row>(
      `INSERT INTO ${OFFSETS_TABLE} (connector, topic, partition, next_offset, cluster_id, topic_id, epoch, owner)
       VALUES ($1, $2, $3, $4, $5, $6, 1, $7) ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
      [this.#connector, topic, partition, nextOffset.toString(), log.clusterId, log.topicId, this.#owner],
    );
    return rows[0] === undefined ? undefined : stored(rows[0]);
  }

  /**
   * Moves a partition's offset inside the caller's transaction, by compare-and-swap.
   * @throws ZombieError unless the stored epoch and offset are the claim's: roll back.
   */
  async advance(client: ClientBase, claim: Claim, next: bigint): Promise<void> {
    const { rowCount } = await client.query({
      name: 'cdc_advance',
      text: `UPDATE ${OFFSETS_TABLE} SET next_offset = $6, updated_at = now()
              WHERE connector = $1 AND topic = $2 AND partition = $3 AND epoch = $4 AND next_offset = $5`,
      values: [
        this.#connector,
        claim.topic,
        claim.partition,
        claim.epoch.toString(),
        claim.nextOffset.toString(),
        next.toString(),
      ],
    });
    if (rowCount !== 1) throw new ZombieError(claim.topic, claim.partition);
  }
}
