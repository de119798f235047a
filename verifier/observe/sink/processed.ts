/**
 * `verifier/observe/sink`: reads what the sink database says about itself, apart from the rows that are compared.
 * In: a connection to the sink, and the catalogue and configuration that say which tables are copies.
 * Out: offsets and totals of its connectors, sums of columns, the state of a subscription, the shape of each copy.
 * Promises: only reads, and reads in one snapshot what the sink writes in one transaction.
 */

import { OFFSETS_TABLE, STATS_TABLE } from '../../../pipeline/contract/sink-tables.ts';
import type { Database } from '../../connection/postgres.ts';
import { ownTable } from './own-tables.ts';

const PLACE = { connector: 'text', topic: 'text', partition: 'number' } as const;
const TOTALS = { applied: 'number', suppressed: 'number', dead_lettered: 'number' } as const;

/** The next offset of a sink connector in one partition, and the number of changes it has handled there. */
export interface Processed {
  readonly connector: string;
  /** `topic/partition`. */
  readonly partition: string;
  readonly nextOffset: bigint;
  readonly applied: number;
  readonly suppressed: number;
  readonly deadLettered: number;
}

/**
 * Offsets and totals of the sink's connectors, in one snapshot: the sink writes both in the transaction that applies the
 * changes.
 * @returns null if the sink does not keep both.
 */
export async function readProcessed(
  sink: Database,
  schema: string,
  topics: readonly string[],
): Promise<readonly Processed[] | null> {
  const offsets = await ownTable(sink, schema, OFFSETS_TABLE, { ...PLACE, next_offset: 'number' });
  const stats = await ownTable(sink, schema, STATS_TABLE, { ...PLACE, ...TOTALS });
  if (offsets === null || stats === null) return null;
  const rows = await sink.query(
    `SELECT o.connector, o.topic || '/' || o.partition AS partition, o.next_offset::text AS next,
            coalesce(sum(s.applied), 0)::text AS applied, coalesce(sum(s.suppressed), 0)::text AS suppressed,
            coalesce(sum(s.dead_lettered), 0)::text AS dead
     FROM ${offsets} o LEFT JOIN ${stats} s USING (connector, topic, partition)
     WHERE o.topic = ANY ($1) GROUP BY o.connector, o.topic, o.partition, o.next_offset`,
    [topics],
  );
  return rows.map((row) => ({
    connector: row.connector ?? '',
    partition: row.partition ?? '',
    nextOffset: BigInt(row.next ?? 0),
    applied: Number(row.applied),
    suppressed: Number(row.suppressed),
    deadLettered: Number(row.dead),
  }));
}
