import type { Position } from './position.ts';

/** A record on its way to Kafka. A null `key` means a table without primary key; a null `value` means a tombstone. */
export interface ProducedRecord {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, string | Buffer>;
  readonly position: Position;
  /** The partition that it must go to; undefined: the one of its key. */
  readonly partition?: number;
}

/**
 * Fast path: a record whose key and value lie side by side in a buffer that many records share. `key`, `value` and
 * `headers` are getters that make their value lazily, so an object spread leaves them out.
 */
export interface FastRecord extends ProducedRecord {
  readonly bytes: Buffer;
  readonly keyStart: number;
  /** End of the key and start of the value. */
  readonly keyEnd: number;
  readonly valueEnd: number;
  /** False for a table without primary key. */
  readonly hasKey: boolean;
  /** Headers other than the position's, shared by many records. */
  readonly otherHeaders: readonly (readonly [string, string])[];
  /**
   * Says that the record is not needed any more, because Kafka has acknowledged it: its bytes may be written again. To be
   * called by the stage that took it from the encoder; a second call does nothing.
   */
  release(): void;
}

export function isFastRecord(record: ProducedRecord): record is FastRecord {
  return (record as Partial<FastRecord>).bytes !== undefined;
}

/** Releases those of the records that share buffers. */
export function releaseAll(records: readonly ProducedRecord[]): void {
  for (const record of records) if (isFastRecord(record)) record.release();
}

/** A record as Kafka delivered it. */
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
