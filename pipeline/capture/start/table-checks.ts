import type { Client } from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { LabError } from '../../contract/errors.ts';
import { LEAVE_OUT } from '../../contract/remedies.ts';
import type { TableDescription } from '../../contract/table.ts';
import {
  type CatalogueTable,
  columnsByDefault,
  describeForSnapshot,
  lookUpTable,
  type PublishedTable,
} from '../source/catalogue.ts';
import { quoteTable, type TableName } from '../source/sql.ts';
import { type PublicationState, publishStored } from '../source/unpublished-identity.ts';
import { changedValues } from './changed-values.ts';

export interface TableChecks {
  readonly publication: PublicationState;
  /** The tables of the publication, perhaps with column lists; none before it is created. */
  readonly published: readonly PublishedTable[];
  /** @throws if a column's type is not supported, naming the column. */
  readonly describe: (table: TableDescription) => void;
  readonly modes: Parameters<typeof changedValues>[1];
  readonly log: Logger;
}

/**
 * Checks every captured table before anything is read from it. It warns about weaker guarantees and refuses tables that
 * cannot be captured correctly. docs/decisions/0003-toast-and-key-change.md says where the line is.
 * @throws LabError CDC-1120, CDC-1121 or CDC-1125, naming the table.
 */
export async function checkTables(
  client: Client,
  tables: readonly TableName[],
  { publication, published, describe, modes, log }: TableChecks,
): Promise<void> {
  for (const name of tables) {
    const table = await lookUpTable(client, name.schema, name.table);
    // Dropped since the list was read: the stream will not mention it either.
    if (table === undefined) continue;
    refuse(table, await identityColumns(client, table));
    const list = published.find((p) => p.schema === name.schema && p.table === name.table)?.columns;
    const columns = list ?? columnsByDefault(table, publication.hasStored);
    refuseUnpublishedKey(table, columns, publishStored(publication, tables));
    const description = describeForSnapshot(table, columns);
    describe(description);
    for (const { column, change, remedy } of changedValues(description.columns, modes)) {
      const place = `${table.schema}.${table.table}.${column}`;
      log.warn(`Events change some values of ${place}: ${change}.`, { column: place, remedy });
    }
    warn(table, await toastBytes(client, table), log);
  }
}

function refuse(table: CatalogueTable, identity: readonly string[]): void {
  const name = `${table.schema}.${table.table}`;
  if (table.keyDeferrable) {
    throw new LabError(
      'CDC-1120',
      `The primary key of ${name} is deferrable: two rows may share a key within a transaction.`,
      {
        remedy: `Make the key NOT DEFERRABLE, or ${LEAVE_OUT}.`,
      },
    );
  }
  if (table.replicaIdentity === 'index' && !table.key.every((column) => identity.includes(column))) {
    throw new LabError(
      'CDC-1121',
      `The replica identity of ${name} is an index without the primary key: deletes do not carry the key.`,
      { remedy: `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY DEFAULT (or FULL).` },
    );
  }
}

/** Of a key with a generated column, events would hold a part, which is no key, or nothing. */
function refuseUnpublishedKey(table: CatalogueTable, published: readonly string[], remedy: string): void {
  const missing = table.columns.find(
    ({ name, generated, keyRank }) => generated !== null && keyRank > 0 && !published.includes(name),
  );
  if (missing === undefined) return;
  throw new LabError(
    'CDC-1125',
    `The primary key of ${table.schema}.${table.table} contains the generated column "${missing.name}", which is not ` +
      'published: its events would lack the key.',
    { remedy: `${remedy}, which PostgreSQL 18 has; or ${LEAVE_OUT}.` },
  );
}

function warn(table: CatalogueTable, toastedBytes: number, log: Logger): void {
  const name = `${table.schema}.${table.table}`;
  const hasGenerated = table.columns.some(({ generated }) => generated !== null);
  if (table.key.length === 0) {
    // A Relation message names the key only under REPLICA IDENTITY DEFAULT.
    const isFull = table.replicaIdentity === 'full';
    const earlier = isFull
      ? ' If it had a key, changes from before its key was dropped have none either.'
      : '';
    log.warn(
      `Table without primary key: its events have no key, and a replay duplicates its rows.${earlier}`,
      { table: name, remedy: 'Add a primary key.' },
    );
  }
  if (
    table.replicaIdentity === 'nothing' ||
    (table.key.length === 0 && table.replicaIdentity === 'default')
  ) {
    log.warn('Table without replica identity: PostgreSQL refuses updates and deletes on it.', {
      table: name,
      remedy:
        table.key.length > 0
          ? `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY DEFAULT.`
          : `Add a primary key${hasGenerated ? '' : `; or ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL`}.`,
    });
  }
  if (table.key.length > 0 && table.replicaIdentity === 'default' && toastedBytes > 0) {
    log.warn(
      'An update that changes the primary key and leaves a TOASTed value unchanged will stop the task.',
      {
        table: name,
        toastedBytes,
        remedy: `If its keys change: ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL.`,
      },
    );
  }
}

async function identityColumns(client: Client, table: CatalogueTable): Promise<string[]> {
  if (table.replicaIdentity !== 'index') return [];
  const { rows } = await client.query<{ name: string }>(
    `SELECT a.attname AS name FROM pg_catalog.pg_index i
     JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
     WHERE i.indrelid = $1 AND i.indisreplident`,
    [table.relationOid],
  );
  return rows.map((row) => row.name);
}

async function toastBytes(client: Client, table: CatalogueTable): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `SELECT pg_catalog.sum(pg_catalog.pg_relation_size(c.reltoastrelid)) AS bytes FROM pg_catalog.pg_class c
     WHERE c.reltoastrelid <> 0
       AND (c.oid = $1 OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1)))`,
    [table.relationOid],
  );
  return Number(rows[0]?.bytes ?? 0);
}
