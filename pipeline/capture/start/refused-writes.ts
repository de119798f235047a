import type { Client } from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { START_OVER } from '../../contract/remedies.ts';
import { quoteIdentifier, quoteTable, type TableName } from '../source/sql.ts';
import { HAS_GENERATED, LACKS_IDENTITY, withLeaves } from '../source/without-identity.ts';

interface RefusedRow extends TableName {
  readonly has_generated: string;
}

/** As many tables are in the message and its remedy; the log line has all of them. */
const MOST_NAMED = 5;

/** Tables of a publication, partitions too, whose updates and deletes PostgreSQL refuses for want of a replica identity. */
const REFUSED_SQL = `
  WITH published AS (
    SELECT c.oid FROM pg_catalog.pg_publication_tables t
    JOIN pg_catalog.pg_publication p ON p.pubname = t.pubname AND (p.pubupdate OR p.pubdelete)
    JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
    WHERE t.pubname = $1)
  SELECT n.nspname AS schema, c.relname AS table, ${HAS_GENERATED} AS has_generated
  FROM ${withLeaves('published')} AS r
  JOIN pg_catalog.pg_class c ON c.oid = r.oid AND c.relkind = 'r'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE ${LACKS_IDENTITY}
  ORDER BY 1, 2`;

/**
 * Warns of tables that are not captured, and that the publication (under `publication.autocreate.mode=all_tables`, above
 * all) makes unwritable for the application. Captured ones are named by `checkTables`.
 */
export async function warnOfRefusedWrites(
  client: Client,
  publication: string,
  captured: readonly TableName[],
  log: Logger,
): Promise<void> {
  const { rows } = await client.query<RefusedRow>(REFUSED_SQL, [publication]);
  const known = new Set(captured.map(quoteTable));
  const refused = rows.filter((row) => !known.has(quoteTable(row)));
  if (refused.length === 0) return;
  const names = refused.map(({ schema, table }) => `${schema}.${table}`);
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  const full = refused.filter(mayBeFull).slice(0, MOST_NAMED).map(asFull);
  log.warn(
    `Publication ${quoteIdentifier(publication)} makes PostgreSQL refuse updates and deletes of tables that are not ` +
      `captured, because they have no replica identity: ${names.slice(0, MOST_NAMED).join(', ')}${more}.`,
    {
      tables: names,
      remedy: [
        'Add primary keys',
        ...(full.length === 0 ? [] : [full.join('; ')]),
        `set publication.autocreate.mode=filtered, DROP PUBLICATION ${quoteIdentifier(publication)}, and start over: ` +
          `${START_OVER}.`,
      ].join('; or '),
    },
  );
}

/** FULL is no remedy where a column is generated and not published: see `refuseUnpublishedIdentity`. */
function mayBeFull(row: RefusedRow): boolean {
  return row.has_generated !== 't';
}

function asFull(table: TableName): string {
  return `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL`;
}
