import type { Position } from '../../contract/position.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import { SWEEP_HEADER, type Sweep } from '../../contract/sweep.ts';

/** The records behind a table's snapshot, one for each partition of its topic. See {@link SWEEP_HEADER}. */
export function sweepRecords({
  topic,
  partitions,
  sweep,
  keySchemas,
}: {
  readonly topic: string;
  readonly partitions: number;
  readonly sweep: Omit<Sweep, 'partitions'>;
  /** Whether keys have a schema block. */
  readonly keySchemas: boolean;
}): ProducedRecord[] {
  const order: Sweep = { ...sweep, partitions };
  // A compacted topic refuses a record without a key; a JSON null is none to Kafka Connect.
  const key = Buffer.from(keySchemas ? '{"schema":null,"payload":null}' : 'null');
  const headers = new Map([[SWEEP_HEADER, JSON.stringify(order)]]);
  return Array.from({ length: partitions }, (_, partition) => ({
    ...{ topic, partition, key, value: null, headers },
    // It is no change of a row, and so has no position.
    position: '' as Position,
  }));
}
