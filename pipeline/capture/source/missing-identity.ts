import type { Client } from 'pg';
import { LabError } from '../../contract/errors.ts';
import { LEAVE_OUT } from '../../contract/remedies.ts';
import { quoteTable, type TableName } from './sql.ts';

interface MissingRow extends TableName {
  readonly has_key: string;
  readonly has_generated: string;
}

/** Tables without a replica identity: `NOTHING`, or the default where there is no primary key. */
const MISSING_SQL = `
  SELECT n.nspname AS schema, c.relname AS table,
         EXISTS (SELECT FROM pg_catalog.pg_index i
                 WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate) AS has_key,
         EXISTS (SELECT FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped) AS has_generated
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND (c.relreplident = 'n' OR (c.relreplident = 'd' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate)))
  ORDER BY 1, 2`;

/**
 * Ensures that captured tables may be put into a publication: of one without a replica identity, PostgreSQL would refuse
 * every UPDATE and DELETE of the application (SQLSTATE 55000), as logical-replication-publication.html says.
 * @param operations That the publication will have; undefined: all. One of inserts only harms nobody.
 * @throws LabError CDC-1126, naming the first such table, with the statement to run.
 */
export async function refuseMissingIdentity(
  client: Client,
  tables: readonly TableName[],
  operations: readonly string[] | undefined,
): Promise<void> {
  const isHarmless =
    operations !== undefined && !operations.some((one) => one === 'update' || one === 'delete');
  if (isHarmless || tables.length === 0) return;
  const { rows } = await client.query<MissingRow>(MISSING_SQL);
  const concerned = new Set(tables.map(quoteTable));
  const found = rows.find((row) => concerned.has(quoteTable(row)));
  if (found === undefined) return;
  throw new LabError(
    'CDC-1126',
    `${found.schema}.${found.table} has no replica identity: once it is in the publication, PostgreSQL would refuse every ` +
      'UPDATE and DELETE of the table.',
    {
      remedy: [
        ...statements(found),
        `skipped.operations=u,d if rows are only inserted`,
        `${LEAVE_OUT}.`,
      ].join('; or '),
    },
  );
}

function statements(found: MissingRow): string[] {
  const alter = `ALTER TABLE ${quoteTable(found)} REPLICA IDENTITY`;
  if (found.has_key === 't') return [`${alter} DEFAULT`];
  // FULL is no remedy where a column is generated and not published: see `refuseUnpublishedIdentity`.
  return ['add a primary key', ...(found.has_generated === 't' ? [] : [`${alter} FULL`])];
}
