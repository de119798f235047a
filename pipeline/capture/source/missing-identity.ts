import type { Client } from 'pg';
import { LabError } from '../../contract/errors.ts';
import { LEAVE_OUT } from '../../contract/remedies.ts';
import { quoteTable, type TableName } from './sql.ts';
import { HAS_GENERATED, LACKS_IDENTITY, withLeaves } from './without-identity.ts';

interface MissingRow extends TableName {
  readonly has_key: string;
  readonly has_generated: string;
}

/** Those of the given tables, and leaves of them, that have no replica identity. */
const MISSING_SQL = `
  WITH captured AS (
    SELECT c.oid FROM unnest($1::text[], $2::text[]) AS g (schema, name)
    JOIN pg_catalog.pg_namespace n ON n.nspname = g.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = g.name)
  SELECT n.nspname AS schema, c.relname AS table, ${HAS_GENERATED} AS has_generated,
         EXISTS (SELECT FROM pg_catalog.pg_index i
                 WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate) AS has_key
  FROM ${withLeaves('captured')} AS r
  JOIN pg_catalog.pg_class c ON c.oid = r.oid AND c.relkind = 'r' AND c.relpersistence = 'p'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE ${LACKS_IDENTITY}
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
  const names = [tables.map(({ schema }) => schema), tables.map(({ table }) => table)];
  const { rows } = await client.query<MissingRow>(MISSING_SQL, names);
  const [found] = rows;
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
  return ['add a primary key', ...(found.has_generated === 't' ? [] : [`${alter} FULL`])];
}
