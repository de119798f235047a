import type { Client } from 'pg';
import { LabError } from '../../contract/errors.ts';
import { LEAVE_OUT } from '../../contract/remedies.ts';
import { quoteIdentifier, quoteTable, type TableName } from './sql.ts';

interface UnpublishedRow extends TableName {
  readonly column: string;
  /** True of a column that is computed when it is read, which no publication can have (PostgreSQL 18). */
  readonly virtual: string;
  readonly is_full: string;
  readonly has_key: string;
}

/** Since this version PostgreSQL checks the replica identity of a published table: release notes of 18. */
const CHECKED_SINCE = 180_000;

const UNPUBLISHED_SQL = `
  SELECT n.nspname AS schema, c.relname AS table, a.attname AS column, a.attgenerated = 'v' AS virtual,
         c.relreplident = 'f' AS is_full,
         EXISTS (SELECT FROM pg_catalog.pg_index i
                 WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate) AS has_key
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND pg_catalog.current_setting('server_version_num')::int >= $1 AND (a.attgenerated = 'v' OR NOT $2)
    AND (c.relreplident = 'f' OR EXISTS (
      SELECT FROM pg_catalog.pg_index i
      WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END))
  ORDER BY 1, 2, a.attnum`;

/** What the publication is, or will be. */
export interface PublicationState {
  readonly name: string;
  readonly exists: boolean;
  /** It publishes stored generated columns. */
  readonly hasStored: boolean;
}

/**
 * Ensures that a publication may contain these tables: where a replica identity has a generated column that is not
 * published, PostgreSQL would refuse every UPDATE and DELETE of the application (42P10). No publication has virtual ones.
 * @param tables Undefined: every table of the database.
 * @throws LabError CDC-1115, naming the first such table and column.
 */
export async function refuseUnpublishedIdentity(
  client: Client,
  publication: PublicationState,
  tables: readonly TableName[] | undefined,
): Promise<void> {
  const { rows } = await client.query<UnpublishedRow>(UNPUBLISHED_SQL, [
    CHECKED_SINCE,
    publication.hasStored,
  ]);
  const concerned = tables === undefined ? undefined : new Set(tables.map(quoteTable));
  const found = rows.find((row) => concerned?.has(quoteTable(row)) ?? true);
  if (found === undefined) return;
  const kind = found.virtual === 't' ? 'virtual generated' : 'generated';
  const where =
    found.virtual === 't' ? 'which no publication can contain' : 'which the publication does not contain';
  throw new LabError(
    'CDC-1115',
    `The replica identity of ${found.schema}.${found.table} contains the ${kind} column "${found.column}", ${where}: ` +
      'PostgreSQL would refuse every UPDATE and DELETE of the table.',
    {
      remedy: [
        ...remedies(found, publication, tables),
        `${LEAVE_OUT}, with publication.autocreate.mode=filtered.`,
      ].join('; or '),
    },
  );
}

function remedies(
  found: UnpublishedRow,
  publication: PublicationState,
  tables: readonly TableName[] | undefined,
): string[] {
  const stored = found.virtual === 't' ? [] : [publishStored(publication, tables)];
  if (found.is_full !== 't') return stored;
  const asDefault = `ALTER TABLE ${quoteTable(found)} REPLICA IDENTITY DEFAULT`;
  // Without a key, DEFAULT would be no identity at all.
  return [
    found.has_key === 't' ? asDefault : `give the table a primary key and then ${asDefault}`,
    ...stored,
  ];
}

/** The statement that makes a publication contain stored generated columns. @param tables Undefined: all tables. */
export function publishStored(
  { name, exists }: Pick<PublicationState, 'name' | 'exists'>,
  tables: readonly TableName[] | undefined,
): string {
  const publication = quoteIdentifier(name);
  if (exists) return `ALTER PUBLICATION ${publication} SET (publish_generated_columns = stored)`;
  const listed = tables?.map((table) => `ONLY ${quoteTable(table)}`).join(', ');
  const scope = listed === undefined ? 'ALL TABLES' : `TABLE ${listed}`;
  return `CREATE PUBLICATION ${publication} FOR ${scope} WITH (publish_generated_columns = stored)`;
}
