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

/**
 * Ids of captured tables by the names that a person wrote; a schema may be left out where one table has the name, or one is
 * in `public`. @throws UsageError for a name that is none.
 */
export async function captured(context: RecoveryContext, given: readonly string[]): Promise<string[]> {
  const known = await capturedTables(context.access, context.instance);
  return given.map((text) => {
    const parsed = parseTable(text);
    const id = parsed === undefined ? text : tableId(parsed);
    if (known.includes(id)) return id;
    const namesakes = known.filter((one) => parseTable(one)?.name === parseTable(text, '')?.name);
    const isBare = parseTable(text, '')?.schema === '';
    const [only, ...others] = isBare ? namesakes : [];
    if (only !== undefined && others.length === 0) return only;
    if (only !== undefined) {
      const message = `the pipeline captures several tables "${text}": ${[only, ...others].join(', ')}`;
      throw new UsageError(message, `name one with its schema: ${only}`);
    }
    const message = `the pipeline captures no table "${text}".${didYouMean(id, known)}`;
    throw new UsageError(message, `it captures ${known.join(', ') || 'none'}`);
  });
}

/**
 * The sink's table behind a captured one: that of its name in the source's schema, else in `public`, else in the only other
 * schema that has one, as where `collection.name.format` names it.
 * @throws UsageError if there is none, if several schemas may be meant, or if its rows have no key.
 */
export async function sinkTableOf(context: RecoveryContext, given: string): Promise<SinkTable> {
  const [id = ''] = await captured(context, [given]);
  const { schema, name } = parseTable(id) ?? { schema: 'public', name: given };
  const key = await primaryKeyOf(context, 'source', schema, name);
  if (key.length === 0)
    throw new UsageError(`${id} has no primary key at the source: nothing tells its rows apart.`, 'add one');
  const found = await context.access.query(
    'sink',
    `SELECT n.nspname AS schema, EXISTS (
              SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = $3 AND NOT a.attisdropped
            ) AS position
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relname = $1 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      ORDER BY n.nspname = $2 DESC, n.nspname = 'public' DESC, n.nspname`,
    [name, schema, METADATA_COLUMNS.position],
  );
  const [first, ...others] = found;
  if (first === undefined)
    throw new UsageError(`the sink has no table ${name}`, 'cdc-lab sql sink "SELECT 1" looks into it');
  const sinkSchema = String(first.schema);
  if (others.length > 0 && sinkSchema !== schema && sinkSchema !== 'public') {
    const all = found.map((one) => `${one.schema}.${name}`).join(', ');
    throw new UsageError(
      `the sink has several tables ${name}, and none is in ${schema} or public: ${all}`,
      'rename those that are not copies of it, or work on it with SQL',
    );
  }
  return {
    id,
    name: `${quoted(sinkSchema)}.${quoted(name)}`,
    key: key.map(quoted),
    hasPosition: first.position === true,
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
