import type { Client } from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { LabError } from '../../contract/errors.ts';
import type { TableDescription } from '../../contract/table.ts';
import {
  type CatalogueTable,
  describeForSnapshot,
  lookUpTable,
  type PublishedTable,
} from '../source/catalogue.ts';
import type { TableName } from '../source/publication.ts';
import { quoteTable } from '../source/sql.ts';

export interface TableChecks {
  /** What is published already, perhaps with a list of columns. */
  readonly published: readonly PublishedTable[];
  /** @throws where a column's type is not supported, naming it. */
  readonly describe: (table: TableDescription) => void;
  readonly log: Logger;
}

/**
 * Looks at every captured table before anything is read from it. Warns of what is weaker, loudly; refuses by
 * name what cannot be captured right. docs/decisions/0003-toast-and-key-change.md says where the line is.
 * @throws LabError
 */
export async function checkTables(
  client: Client,
  tables: readonly TableName[],
  { published, describe, log }: TableChecks,
): Promise<void> {
  for (const name of tables) {
    const table = await lookUpTable(client, name.schema, name.table);
    // Dropped since the list was made: the stream will not mention it either.
    if (table === undefined) continue;
    refuse(table, await identityColumns(client, table));
    const list = published.find((p) => p.schema === name.schema && p.table === name.table)?.columns;
    describe(describeForSnapshot(table, list ?? table.columns.map((column) => column.name)));
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
        remedy: 'Make the key NOT DEFERRABLE, or leave the table out with table.exclude.list.',
      },
    );
  }
  if (table.replicaIdentity === 'index' && !table.key.every((column) => identity.includes(column))) {
    throw new LabError(
      'CDC-1121',
      `${name} has an index without the primary key as its replica identity: its deletes do not name the key.`,
      { remedy: `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY DEFAULT (or FULL).` },
    );
  }
}

function warn(table: CatalogueTable, toastedBytes: number, log: Logger): void {
  const name = `${table.schema}.${table.table}`;
  if (table.key.length === 0) {
    log.warn('Table without primary key: events have no key, and a replay multiplies its rows.', {
      table: name,
      remedy: 'Add a primary key.',
    });
  }
  if (
    table.replicaIdentity === 'nothing' ||
    (table.key.length === 0 && table.replicaIdentity === 'default')
  ) {
    log.warn('Table without replica identity: PostgreSQL refuses its updates and deletes.', { table: name });
  }
  if (table.key.length > 0 && table.replicaIdentity === 'default' && toastedBytes > 0) {
    log.warn('A change of primary key that leaves a TOASTed value unchanged will stop the task.', {
      table: name,
      toastedBytes,
      remedy: `If keys of it change: ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL.`,
    });
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
    `SELECT pg_catalog.pg_relation_size(c.reltoastrelid) AS bytes FROM pg_catalog.pg_class c
     WHERE c.oid = $1 AND c.reltoastrelid <> 0`,
    [table.relationOid],
  );
  return Number(rows[0]?.bytes ?? 0);
}
