import type { Client } from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { LabError } from '../../contract/errors.ts';
import { LEAVE_OUT } from '../../contract/remedies.ts';
import { quoteIdentifier, quoteTable, type TableName } from '../source/sql.ts';

interface VisibilityRow {
  readonly role: string;
  readonly schema_usage: string;
  readonly may_select: string;
  readonly rows_hidden: string;
}

const VISIBILITY_SQL = `
  SELECT current_user AS role,
         pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS schema_usage,
         pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_select,
         pg_catalog.row_security_active(c.oid) AS rows_hidden
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2`;

/**
 * Ensures that a snapshot would see every row that the stream brings: decoding needs no privilege on a table and knows no
 * row-level security, so a role that sees less would leave rows out silently. Without a snapshot
 * (`snapshot.mode=no_data`) this is a warning.
 * @throws LabError CDC-1123 if policies hide rows, CDC-1124 if the role may not read the table.
 */
export async function checkVisibility(
  client: Client,
  tables: readonly TableName[],
  { mode, log }: { readonly mode: string; readonly log: Logger },
): Promise<void> {
  for (const name of tables) {
    const { rows } = await client.query<VisibilityRow>(VISIBILITY_SQL, [name.schema, name.table]);
    // A table that was dropped since the list was read has no row.
    const problem = rows[0] && problemWith(name, rows[0]);
    if (problem === undefined) continue;
    if (mode !== 'no_data') throw problem;
    log.warn(`${problem.message} No snapshot can be ordered by a signal until this is changed.`, {
      table: `${name.schema}.${name.table}`,
      remedy: problem.remedy,
    });
  }
}

function problemWith(name: TableName, row: VisibilityRow): LabError | undefined {
  const table = `${name.schema}.${name.table}`;
  const role = quoteIdentifier(row.role);
  const leaveOut = `or ${LEAVE_OUT}`;
  if (row.schema_usage !== 't' || row.may_select !== 't') {
    const grants = [
      ...(row.schema_usage === 't'
        ? []
        : [`GRANT USAGE ON SCHEMA ${quoteIdentifier(name.schema)} TO ${role}`]),
      ...(row.may_select === 't' ? [] : [`GRANT SELECT ON ${quoteTable(name)} TO ${role}`]),
    ];
    return new LabError(
      'CDC-1124',
      `The role "${row.role}" may not read ${table}, so a snapshot cannot bring its rows.`,
      { remedy: `${grants.join('; ')}; ${leaveOut}. A snapshot needs SELECT on the whole table.` },
    );
  }
  if (row.rows_hidden !== 't') return undefined;
  return new LabError(
    'CDC-1123',
    `Row-level security hides rows of ${table} from the role "${row.role}": ` +
      'a snapshot would leave them out, and the stream would bring them.',
    { remedy: `ALTER ROLE ${role} BYPASSRLS, ${leaveOut}.` },
  );
}
