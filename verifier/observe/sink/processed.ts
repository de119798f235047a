import { OFFSETS_TABLE, STATS_TABLE } from '../../../pipeline/contract/sink-tables.ts';
import type { Database } from '../../connection/postgres.ts';
import { ident } from '../../connection/postgres.ts';

/** How far a connector of the sink says that it is in one partition, and how many changes it has dealt with there. */
export interface Processed {
  readonly connector: string;
  /** `topic/partition`. */
  readonly partition: string;
  readonly nextOffset: bigint;
  readonly applied: number;
  readonly suppressed: number;
  readonly deadLettered: number;
}

/** Offsets and totals in one snapshot: the sink writes both in the transaction that they tell of. */
export async function readProcessed(
  sink: Database,
  schema: string,
  topics: readonly string[],
): Promise<readonly Processed[] | null> {
  const [offsets, stats] = [OFFSETS_TABLE, STATS_TABLE].map((name) => `${ident(schema)}.${ident(name)}`);
  const needed = [
    ...['connector', 'topic', 'partition', 'next_offset'].map((name) => [OFFSETS_TABLE, name]),
    ...['connector', 'topic', 'partition', 'applied', 'suppressed', 'dead_lettered'].map((name) => [
      STATS_TABLE,
      name,
    ]),
  ];
  const known = await sink.query(
    `SELECT c.relname AS table_name, a.attname AS column_name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = to_regnamespace($1) AND c.relname IN ($2, $3) AND NOT a.attisdropped`,
    [ident(schema), OFFSETS_TABLE, STATS_TABLE],
  );
  const there = new Set(known.map((row) => `${row.table_name}.${row.column_name}`));
  if (needed.some(([table, column]) => !there.has(`${table}.${column}`))) return null;
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
