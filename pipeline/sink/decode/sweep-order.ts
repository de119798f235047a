import { z } from 'zod';
import type { ConsumedRecord } from '../../contract/records.ts';
import { SWEEP_HEADER, type Sweep } from '../../contract/sweep.ts';
import { RecordError } from './record-error.ts';

const shape: z.ZodType<Sweep> = z.object({
  snapshot: z.string().min(1),
  partitions: z.number().int().positive(),
  before: z.string().min(1),
  key: z.array(z.string()),
  source: z.record(z.string(), z.string()),
});

/** What a record says of a complete snapshot; undefined for any other record. @throws RecordError if it cannot be read. */
export function sweepOf({ value, headers }: ConsumedRecord): Sweep | undefined {
  if (value !== null) return undefined;
  const header = headers.get(SWEEP_HEADER);
  if (header === undefined) return undefined;
  try {
    return shape.parse(JSON.parse(header.toString('utf8')));
  } catch (cause) {
    throw new RecordError(`the header ${SWEEP_HEADER} cannot be read: ${String(cause)}`);
  }
}
