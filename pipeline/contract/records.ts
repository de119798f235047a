import type { Position } from './position.ts';

/** A record on its way to Kafka. `key` null only for a table without primary key; `value` null is a tombstone. */
export interface ProducedRecord {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, string | Buffer>;
  readonly position: Position;
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
