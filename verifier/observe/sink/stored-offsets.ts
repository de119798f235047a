import { OFFSETS_TABLE } from '../../../pipeline/contract/sink-tables.ts';
import { type Database, ident, literal } from '../../connection/postgres.ts';
import type { Offsets } from '../offsets.ts';
import { columnTypes, isOf } from './own-tables.ts';

/** Names that pipelines give to the column with the next offset. */
const OFFSET_COLUMNS = ['next_offset', 'offset', 'position'];

export interface StoredOffsets {
  readonly offsets: Offsets;
  /** Id of each topic when its offset was stored, if the sink stores ids. */
  readonly topicIds: ReadonlyMap<string, string>;
}

/**
 * Offsets that a sink keeps in its own database. Empty if it keeps none.
 * @param from.connectors Names of the sink's connectors; empty: rows of all connectors count.
 */
export async function storedOffsets(
  sink: Database,
  from: {
    readonly schema: string;
    readonly connectors: readonly string[];
    readonly topics: readonly string[];
  },
  limitMs: number,
): Promise<StoredOffsets> {
  const table = `${ident(from.schema)}.${ident(OFFSETS_TABLE)}`;
  const types = await columnTypes(sink, table, limitMs);
  const isPlace = isOf('text', types.get('topic')) && isOf('number', types.get('partition'));
  // A table of that name may be for something else.
  const offset = isPlace ? OFFSET_COLUMNS.find((name) => isOf('number', types.get(name))) : undefined;
  const offsets = new Map<string, bigint>();
  const topicIds = new Map<string, string>();
  if (offset === undefined) return { offsets, topicIds };
  const own = isOf('text', types.get('connector')) && from.connectors.length > 0;
  const names = from.connectors.map(literal).join(', ');
  const id = isOf('text', types.get('topic_id')) ? 'max(topic_id)' : 'NULL';
  const rows = await sink.query(
    `SELECT topic, partition::text AS partition, max(${ident(offset)})::text AS next, ${id} AS topic_id FROM ${table}
     WHERE topic = ANY ($1) ${own ? `AND connector = ANY (ARRAY[${names}])` : ''}
     GROUP BY 1, 2`,
    [from.topics],
    limitMs,
  );
  for (const row of rows) {
    offsets.set(`${row.topic}/${row.partition}`, BigInt(row.next ?? 0));
    if (row.topic_id !== null && row.topic_id !== undefined && row.topic_id !== '')
      topicIds.set(row.topic ?? '', row.topic_id);
  }
  return { offsets, topicIds };
}
