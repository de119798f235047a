import type { Client } from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { LabError } from '../../contract/errors.ts';
import { PUBLISHED_AS, type SourceConfig } from '../config/source-config.ts';
import { publishedTables } from './catalogue.ts';
import { refuseMissingIdentity } from './missing-identity.ts';
import { quoteIdentifier, quoteTable, type TableName } from './sql.ts';
import { type PublicationState, refuseUnpublishedIdentity } from './unpublished-identity.ts';

interface PublicationRow {
  readonly all_tables: string;
  readonly inserts: string;
  readonly updates: string;
  readonly deletes: string;
  readonly truncates: string;
  /** `s` if stored generated columns are published (PostgreSQL 18 and later), else null or `n`. */
  readonly generated: string | null;
}

/**
 * Ensures that the publication exists and contains every captured table, as far as `publication.autocreate.mode`
 * allows. Returns the tables that were added to an existing publication: the stream lacks their earlier rows.
 * @param beforeAdding Stores that these tables need a snapshot. After a crash behind it, they are in the publication,
 * and nothing else would tell that they are new.
 * @throws LabError if a table is missing and must not be added, or would become unwritable for the application, or an
 * operation is not published.
 */
export async function ensurePublication(
  client: Client,
  config: SourceConfig,
  tables: readonly TableName[],
  log: Logger,
  beforeAdding: (missing: readonly TableName[]) => Promise<void>,
): Promise<readonly TableName[]> {
  const { name, autocreate } = config.publication;
  const existing = await readPublication(client, name);
  const state = stateOf(name, existing);
  if (existing === undefined) {
    const concerned = autocreate === 'all_tables' ? undefined : tables;
    if (autocreate !== 'disabled') {
      await refuseMissingIdentity(client, tables, config.publication.operations);
      await refuseUnpublishedIdentity(client, state, concerned);
    }
    await create(client, config.publication, tables);
    log.info('Publication created.', { publication: name, mode: autocreate });
    return [];
  }
  checkOperations(name, existing, config.skippedOperations);
  const published = new Set((await publishedTables(client, name)).map(quoteTable));
  const missing = tables.filter((table) => !published.has(quoteTable(table)));
  if (missing.length === 0) return [];
  if (autocreate !== 'filtered' || existing.all_tables === 't') {
    throw new LabError(
      'CDC-1110',
      `Publication "${name}" lacks captured tables: ${missing.map((t) => `${t.schema}.${t.table}`).join(', ')}.`,
      {
        remedy:
          `ALTER PUBLICATION ${quoteIdentifier(name)} ADD TABLE …, then restart the task and snapshot them; ` +
          'or leave them out with table.exclude.list or table.include.list.',
      },
    );
  }
  await refuseMissingIdentity(client, missing, publishedOperations(existing));
  await refuseUnpublishedIdentity(client, state, missing);
  await beforeAdding(missing);
  await client.query(
    `ALTER PUBLICATION ${quoteIdentifier(name)} ADD TABLE ${missing.map((t) => `ONLY ${quoteTable(t)}`).join(', ')}`,
  );
  log.warn('Tables were added to the publication and will be snapshotted.', {
    publication: name,
    tables: missing.map((t) => `${t.schema}.${t.table}`),
    remedy:
      'If they were captured before, rows deleted in the meantime stay in the sink: compare both sides.',
  });
  return missing;
}

/** Operations that a publication has which exists, as far as they concern a replica identity. */
function publishedOperations({ updates, deletes }: PublicationRow): string[] {
  return [...(updates === 't' ? ['update'] : []), ...(deletes === 't' ? ['delete'] : [])];
}

/** The error for captured tables that were taken out of the publication while the stream ran. */
export function takenOut(publication: string, tables: string): LabError {
  return new LabError(
    'CDC-1114',
    `Publication "${publication}" no longer contains captured tables: ${tables}.`,
    {
      remedy:
        'The stream lacks what was written to them since. Restart the task: with publication.autocreate.mode=filtered ' +
        'it adds and snapshots them, otherwise add them first. Rows deleted in the meantime stay in the sink: compare ' +
        'both sides.',
    },
  );
}

/** Whether the publication exists, and what it has of generated columns. */
export async function publicationState(client: Client, name: string): Promise<PublicationState> {
  return stateOf(name, await readPublication(client, name));
}

function stateOf(name: string, row: PublicationRow | undefined): PublicationState {
  return { name, exists: row !== undefined, hasStored: row?.generated === 's' };
}

async function readPublication(client: Client, name: string): Promise<PublicationRow | undefined> {
  const { rows } = await client.query<PublicationRow>(
    `SELECT puballtables AS all_tables, pubinsert AS inserts, pubupdate AS updates, pubdelete AS deletes,
            pubtruncate AS truncates, pg_catalog.to_jsonb(p) ->> 'pubgencols' AS generated
     FROM pg_catalog.pg_publication p WHERE pubname = $1`,
    [name],
  );
  return rows[0];
}

async function create(
  client: Client,
  { name, autocreate: mode, operations }: SourceConfig['publication'],
  tables: readonly TableName[],
): Promise<void> {
  if (mode === 'disabled') {
    throw new LabError('CDC-1111', `Publication "${name}" does not exist.`, {
      remedy: `CREATE PUBLICATION ${quoteIdentifier(name)} FOR TABLE …, or set publication.autocreate.mode.`,
    });
  }
  if (mode === 'filtered' && tables.length === 0) {
    throw new LabError('CDC-1112', 'No table of the database is captured.', {
      remedy: 'Check table.include.list and table.exclude.list: they must match schema.table as a whole.',
    });
  }
  const what =
    mode === 'all_tables' ? 'ALL TABLES' : `TABLE ${tables.map((t) => `ONLY ${quoteTable(t)}`).join(', ')}`;
  const published = operations === undefined ? '' : ` WITH (publish = '${operations.join(', ')}')`;
  await client.query(`CREATE PUBLICATION ${quoteIdentifier(name)} FOR ${what}${published}`);
}

function checkOperations(name: string, publication: PublicationRow, skipped: ReadonlySet<string>): void {
  const published = {
    c: publication.inserts,
    u: publication.updates,
    d: publication.deletes,
    t: publication.truncates,
  };
  const missing = (['c', 'u', 'd', 't'] as const).filter((op) => published[op] !== 't' && !skipped.has(op));
  if (missing.length === 0) return;
  throw new LabError(
    'CDC-1113',
    `Publication "${name}" does not publish ${missing.map((op) => PUBLISHED_AS[op]).join(', ')}.`,
    {
      remedy:
        `ALTER PUBLICATION ${quoteIdentifier(name)} SET (publish = 'insert, update, delete, truncate'), ` +
        'or name them in skipped.operations.',
    },
  );
}
