import type { ClientBase } from 'pg';
import type { ConnectSchema } from '../decode/connect-schema.ts';
import { RecordError } from '../decode/record-error.ts';
import { columnTypeOf, converterOf } from './convert.ts';
import { quoteIdentifier, quoteLiteral, type TableName } from './identifiers.ts';
import { metadataDefinitions, type SinkTable } from './tables.ts';

/** Serialises changes of structure among all sinks of the database. */
const DDL_LOCK = 0x6364_6301;

function defaultClause(field: ConnectSchema): string {
  if (!field.hasDefault || field.default === null) return '';
  return ` DEFAULT ${quoteLiteral(converterOf(field)(field.default))}`;
}

async function inTransaction(client: ClientBase, statement: string): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [DDL_LOCK]);
    await client.query(statement);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/**
 * Room that is left in a table's pages, in percent of what fits: an update that finds some beside the old version of
 * its row touches no index (PostgreSQL's "heap-only tuples"), which halves the cost of it.
 */
const FILL_FACTOR = 70;

/** `CREATE TABLE` with the event's columns, the metadata columns, and the key as primary key where there is one. */
export async function createTable(
  client: ClientBase,
  name: TableName,
  fields: readonly ConnectSchema[],
  keyColumns: readonly string[],
): Promise<void> {
  const columns = fields.map((field) => {
    const column = field.field ?? '';
    const isKey = keyColumns.includes(column);
    const notNull = isKey || !field.optional ? ' NOT NULL' : '';
    return `${quoteIdentifier(column)} ${columnTypeOf(field)}${defaultClause(field)}${notNull}`;
  });
  const metadata = metadataDefinitions().map(([column, type]) => `${quoteIdentifier(column)} ${type}`);
  const key = keyColumns.length === 0 ? [] : [`PRIMARY KEY (${keyColumns.map(quoteIdentifier).join(', ')})`];
  const schema = quoteIdentifier(name.schema);
  await inTransaction(
    client,
    `CREATE SCHEMA IF NOT EXISTS ${schema};
     CREATE TABLE IF NOT EXISTS ${name.sql} (${[...columns, ...metadata, ...key].join(', ')})
       WITH (fillfactor = ${FILL_FACTOR})`,
  );
}

/**
 * `ADD COLUMN` for fields that the table lacks. The column takes the source's default, so that the rows which are
 * there already get it: the source gives them the same, and sends no event for it.
 */
export async function addColumns(
  client: ClientBase,
  table: SinkTable,
  fields: readonly ConnectSchema[],
): Promise<void> {
  const adds = fields.map((field) => {
    const fill = defaultClause(field);
    // Without a default the rows that are there would have none: such a column stays nullable.
    const notNull = !field.optional && fill !== '' ? ' NOT NULL' : '';
    return `ADD COLUMN IF NOT EXISTS ${quoteIdentifier(field.field ?? '')} ${columnTypeOf(field)}${fill}${notNull}`;
  });
  await inTransaction(client, `ALTER TABLE ${table.name.sql} ${adds.join(', ')}`);
}

/** A column that the source dropped no longer gets values; NOT NULL without a default would refuse every new row. */
export async function dropNotNull(
  client: ClientBase,
  table: SinkTable,
  columns: readonly string[],
): Promise<void> {
  const alters = columns.map((column) => `ALTER COLUMN ${quoteIdentifier(column)} DROP NOT NULL`);
  await inTransaction(client, `ALTER TABLE ${table.name.sql} ${alters.join(', ')}`);
}

/** What to say where a table or column is missing and may not, or cannot, be made. */
export function refuse(what: string, evolve: boolean): RecordError {
  return new RecordError(
    evolve
      ? `${what}, and the record carries no schema to make it from: set value.converter.schemas.enable=true at the source connector, or create it by hand`
      : `${what}, and schema.evolution is none: set schema.evolution=basic, or create it by hand`,
  );
}
