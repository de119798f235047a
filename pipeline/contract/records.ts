import type { Position } from './position.ts';

/** A record on its way to Kafka. `key` null only for a table without primary key; `value` null is a tombstone. */
export interface ProducedRecord {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, string | Buffer>;
  readonly position: Position;
}

/**
 * A record whose key and value lie side by side in a buffer that many records share: hot path. Here `key`, `value` and
 * `headers` are made when they are asked for, so an object spread leaves them out.
 */
export interface PlacedRecord extends ProducedRecord {
  readonly bytes: Buffer;
  readonly keyStart: number;
  /** End of the key, start of the value. */
  readonly keyEnd: number;
  readonly valueEnd: number;
  /** False for a table without primary key. */
  readonly hasKey: boolean;
  /** Headers beside the position's, the same for many records. */
  readonly otherHeaders: readonly (readonly [string, string])[];
}

export function isPlaced(record: ProducedRecord): record is PlacedRecord {
  return (record as Partial<PlacedRecord>).bytes !== undefined;
}

/** A record as it came from Kafka. */
export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, Buffer>;
  /** The record's Kafka timestamp, milliseconds since the epoch. */
  readonly timestampMs: number;
}
