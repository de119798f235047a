import type { ClientBase } from 'pg';
import { OFFSETS_TABLE } from '../../contract/sink-tables.ts';

/** Another owner has taken the partition, or its offset was changed: nothing of this batch may stay. */
export class ZombieError extends Error {
  constructor(topic: string, partition: number) {
    super(`${topic}-${partition} has another owner or another offset: this task is a zombie there`);
    this.name = 'ZombieError';
  }
}

/** Which log an offset belongs to. */
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

/** The rows of one connector in the offsets table: the truth about what the sink holds. */
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

  /** Takes a partition over: from now on the former owner's transactions cannot commit. */
  async claim(client: ClientBase, topic: string, partition: number): Promise<StoredOffset | undefined> {
    const { rows } = await client.query<Row>(
      `UPDATE ${OFFSETS_TABLE} SET epoch = epoch + 1, owner = $4, updated_at = now()
        WHERE connector = $1 AND topic = $2 AND partition = $3 RETURNING ${COLUMNS}`,
      [this.#connector, topic, partition, this.#owner],
    );
    return rows[0] === undefined ? undefined : stored(rows[0]);
  }

  /** First start of a partition. Undefined where another member was faster: claim it then. */
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
   * Moves the offset inside the caller's transaction.
   * @throws ZombieError where epoch or offset are not as expected: roll back.
   */
  async advance(
    client: ClientBase,
    at: { topic: string; partition: number; epoch: bigint; expected: bigint },
    next: bigint,
  ): Promise<void> {
    const { rowCount } = await client.query({
      name: 'cdc_advance',
      text: `UPDATE ${OFFSETS_TABLE} SET next_offset = $6, updated_at = now()
              WHERE connector = $1 AND topic = $2 AND partition = $3 AND epoch = $4 AND next_offset = $5`,
      values: [
        this.#connector,
        at.topic,
        at.partition,
        at.epoch.toString(),
        at.expected.toString(),
        next.toString(),
      ],
    });
    if (rowCount !== 1) throw new ZombieError(at.topic, at.partition);
  }
}
