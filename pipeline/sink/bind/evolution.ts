import type { ClientBase } from 'pg';
import type { SinkConfig } from '../config/sink-config.ts';
import type { ConnectSchema } from '../decode/connect-schema.ts';
import { RecordError } from '../decode/record-error.ts';
import type { SinkEvent } from '../decode/record-parser.ts';
import { columnTypeOf } from './column-type.ts';
import { converterOf } from './convert.ts';
import { type FieldConfig, fieldNamesOf, keyNamesOf } from './event-fields.ts';
import { quoteIdentifier, quoteLiteral } from './quoting.ts';
import { isUnset, loadTable, metadataDefinitions, type SinkColumn, type SinkTable } from './sink-table.ts';
import type { TableName } from './table-name.ts';

/** The part of the configuration that says how the sink's structure follows the events. */
export type EvolutionConfig = FieldConfig & Pick<SinkConfig, 'evolve'>;

/** Advisory lock that serialises structure changes among all sinks of the database. */
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
 * The table that an event belongs to, loaded from the catalogue; created or altered first if the event needs it and
 * `schema.evolution` allows it. Null if there is no table and the event needs none.
 * @throws RecordError if the table does not fit the event and may not, or cannot, be changed.
 */
export async function structureFor(
  client: ClientBase,
  name: TableName,
  event: SinkEvent,
  config: EvolutionConfig,
): Promise<SinkTable | null> {
  let table = await loadTable(client, name);
  const keys = event.row === null ? [] : keyNamesOf(config, event);
  const names = event.row === null ? [] : fieldNamesOf(config, event, keys);
  const schema = event.rowSchema;
  const fields = names
    .map((field) => schema?.fields.find((s) => s.field === field))
    .filter((field) => field !== undefined);
  if (table === undefined) {
    // There is nothing to delete, and nothing to create a table from.
    if (event.kind !== 'upsert') return null;
    if (!config.evolve || schema === null)
      throw refusal(`there is no table ${name.qualified}`, config.evolve);
    await createTable(client, name, fields, keys);
    table = await loadTable(client, name);
  } else if (event.kind === 'upsert') {
    table = await alterTable(client, table, { names, fields, evolve: config.evolve });
  }
  if (table === undefined) throw new RecordError(`the table ${name.qualified} vanished while it was created`);
  return table;
}

/** Adds missing columns and drops the NOT NULL of columns that the source no longer has. */
async function alterTable(
  client: ClientBase,
  table: SinkTable,
  event: {
    readonly names: readonly string[];
    readonly fields: readonly ConnectSchema[];
    readonly evolve: boolean;
  },
): Promise<SinkTable | undefined> {
  const { names, fields, evolve } = event;
  const missing = names.filter((name) => !table.indexOf.has(name));
  const unset = evolve ? table.columns.filter((column) => isUnset(column, names)) : [];
  if (missing.length === 0 && unset.length === 0) return table;
  if (missing.length > 0) {
    const added = fields.filter((field) => missing.includes(field.field ?? ''));
    if (!evolve || added.length < missing.length) {
      throw refusal(`${table.name.qualified} has no column '${missing[0]}'`, evolve);
    }
    await addColumns(client, table, added);
  }
  if (unset.length > 0) await dropNotNull(client, table, unset);
  return loadTable(client, table.name);
}

/**
 * Percentage to which pages are filled. An update that finds room beside the old version of its row changes no index
 * (PostgreSQL's heap-only tuples), which halves its cost; docs/decisions/0010 has the measurements.
 */
const FILL_FACTOR = 70;

/** `CREATE TABLE` with the event's columns, the metadata columns, and the key, if any, as primary key. */
async function createTable(
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
 * `ADD COLUMN` with the source's default. Rows that exist already get the default too: the source gives it to them
 * without sending an event.
 */
async function addColumns(
  client: ClientBase,
  table: SinkTable,
  fields: readonly ConnectSchema[],
): Promise<void> {
  const adds = fields.map((field) => {
    const fill = defaultClause(field);
    // Without a default the existing rows have NULL, so the column must stay nullable.
    const notNull = !field.optional && fill !== '' ? ' NOT NULL' : '';
    return `ADD COLUMN IF NOT EXISTS ${quoteIdentifier(field.field ?? '')} ${columnTypeOf(field)}${fill}${notNull}`;
  });
  await inTransaction(client, `ALTER TABLE ${table.name.sql} ${adds.join(', ')}`);
}

/** A column that the source dropped gets no more values: NOT NULL without a default would refuse every new row. */
async function dropNotNull(
  client: ClientBase,
  table: SinkTable,
  columns: readonly SinkColumn[],
): Promise<void> {
  const alters = columns.map(({ name }) => `ALTER COLUMN ${quoteIdentifier(name)} DROP NOT NULL`);
  await inTransaction(client, `ALTER TABLE ${table.name.sql} ${alters.join(', ')}`);
}

function refusal(what: string, evolve: boolean): RecordError {
  return new RecordError(
    evolve
      ? `${what}, and the record carries no schema to create it from: set value.converter.schemas.enable=true at both connectors, or create it by hand`
      : `${what}, and schema.evolution is none: set schema.evolution=basic, or create it by hand`,
  );
}
