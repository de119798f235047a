import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import { METADATA_COLUMNS } from '../../../pipeline/contract/sink-tables.ts';
import { parseTable, tableId } from '../../../verifier/table-id.ts';
import { capturedTables } from '../../access/captured-tables.ts';
import { UsageError } from '../../errors.ts';
import type { RecoveryContext } from '../../plugins/recovery.ts';

/** A captured table, as it is in the sink. */
export interface SinkTable {
  /** At the source: `public.orders`. */
  readonly id: string;
  /** In the sink: quoted, with its schema. */
  readonly name: string;
  /** The primary key of the source's table, quoted, in its order. */
  readonly key: readonly string[];
  readonly hasPosition: boolean;
  /** The columns of the sink's primary key, quoted; empty: it has none. */
  readonly primaryKey: readonly string[];
}

export const quoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;

/** Ids of captured tables by the names that a person wrote. @throws UsageError for a name that is none. */
export async function captured(context: RecoveryContext, given: readonly string[]): Promise<string[]> {
  const known = await capturedTables(context.access, context.instance);
  return given.map((text) => {
    const parsed = parseTable(text);
    const id = parsed === undefined ? text : tableId(parsed);
    if (known.includes(id)) return id;
    const message = `the pipeline captures no table "${text}".${didYouMean(id, known)}`;
    throw new UsageError(message, `it captures ${known.join(', ') || 'none'}`);
  });
}

/**
 * The sink's table behind a captured one, which has its name in the schema `public` or in the source's.
 * @throws UsageError if there is none, or if its rows have no key.
 */
export async function sinkTableOf(context: RecoveryContext, given: string): Promise<SinkTable> {
  const [id = ''] = await captured(context, [given]);
  const { schema, name } = parseTable(id) ?? { schema: 'public', name: given };
  const key = await primaryKeyOf(context, 'source', schema, name);
  if (key.length === 0)
    throw new UsageError(`${id} has no primary key at the source: nothing tells its rows apart.`, 'add one');
  const [found] = await context.access.query(
    'sink',
    `SELECT n.nspname AS schema, EXISTS (
              SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = $3 AND NOT a.attisdropped
            ) AS position
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relname = $1 AND n.nspname IN ('public', $2)
      ORDER BY n.nspname = $2 DESC LIMIT 1`,
    [name, schema, METADATA_COLUMNS.position],
  );
  if (found === undefined)
    throw new UsageError(`the sink has no table ${name}`, 'cdc-lab sql sink "SELECT 1" looks into it');
  const sinkSchema = String(found.schema);
  return {
    id,
    name: `${quoted(sinkSchema)}.${quoted(name)}`,
    key: key.map(quoted),
    hasPosition: found.position === true,
    primaryKey: (await primaryKeyOf(context, 'sink', sinkSchema, name)).map(quoted),
  };
}

async function primaryKeyOf(
  { access }: RecoveryContext,
  side: 'source' | 'sink',
  schema: string,
  table: string,
): Promise<string[]> {
  const rows = await access.query(
    side,
    `SELECT a.attname AS name
       FROM pg_index i
       JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
      WHERE i.indisprimary AND n.nspname = $1 AND c.relname = $2 ORDER BY k.place`,
    [schema, table],
  );
  return rows.map(({ name }) => String(name));
}
