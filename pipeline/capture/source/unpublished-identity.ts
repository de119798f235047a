import type { Client } from 'pg';
import { LabError } from '../../contract/errors.ts';
import { quoteIdentifier, quoteTable, type TableName } from './sql.ts';

interface UnpublishedRow extends TableName {
  readonly column: string;
  readonly identity: string;
}

/** Since this version PostgreSQL checks the replica identity of a published table: release notes of 18. */
const CHECKED_SINCE = 180_000;

const UNPUBLISHED_SQL = `
  SELECT n.nspname AS schema, c.relname AS table, a.attname AS column, c.relreplident AS identity
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND pg_catalog.current_setting('server_version_num')::int >= $1
    AND (c.relreplident = 'f' OR EXISTS (
      SELECT FROM pg_catalog.pg_index i
      WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END))
  ORDER BY 1, 2, a.attnum`;

/**
 * Ensures that a publication without generated columns may contain these tables: where the replica identity has one,
 * PostgreSQL would refuse every UPDATE and DELETE of the application (42P10).
 * @param tables Undefined: every table of the database.
 * @throws LabError CDC-1115, naming the first such table and column.
 */
export async function refuseUnpublishedIdentity(
  client: Client,
  publication: string,
  tables: readonly TableName[] | undefined,
): Promise<void> {
  const { rows } = await client.query<UnpublishedRow>(UNPUBLISHED_SQL, [CHECKED_SINCE]);
  const concerned = tables === undefined ? undefined : new Set(tables.map(quoteTable));
  const found = rows.find((row) => concerned?.has(quoteTable(row)) ?? true);
  if (found === undefined) return;
  const name = `${found.schema}.${found.table}`;
  throw new LabError(
    'CDC-1115',
    `The replica identity of ${name} contains the generated column "${found.column}": in a publication that does not ` +
      'publish it, PostgreSQL refuses every UPDATE and DELETE of the table.',
    {
      remedy:
        `${found.identity === 'f' ? `ALTER TABLE ${quoteTable(found)} REPLICA IDENTITY DEFAULT; or ` : ''}` +
        `CREATE PUBLICATION ${quoteIdentifier(publication)} FOR TABLE … WITH (publish_generated_columns = stored); or ` +
        'leave the table out with table.exclude.list and publication.autocreate.mode=filtered.',
    },
  );
}
