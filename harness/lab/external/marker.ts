import { userInfo } from 'node:os';
import type pg from 'pg';
import { z } from 'zod';
import { withDatabase } from '../../../fixtures/database.ts';
import { connectionOptions } from '../../../verifier/connection/connection-string.ts';
import type { Database } from '../../../verifier/connection/postgres.ts';
import { type ExternalConfig, postgresUrl } from './target-config.ts';

/**
 * The marker is the comment of an empty schema, because a publication FOR ALL TABLES would capture a table. It names
 * database and server, so that a dump restored elsewhere does not bring the permission with it.
 */
export const MARKER_SCHEMA = 'cdc_lab';

const markerSchema = z.object({
  cdcLab: z.literal(1),
  database: z.string(),
  /** PostgreSQL's identifier of the database cluster. */
  systemIdentifier: z.string(),
  by: z.string(),
  at: z.string(),
});
export type Marker = z.infer<typeof markerSchema>;

export type MarkerState =
  | { readonly tag: 'marked'; readonly marker: Marker }
  | { readonly tag: 'unmarked' }
  /** The marker was made for another database. */
  | { readonly tag: 'foreign'; readonly of: string };

const READ = `
  SELECT obj_description(n.oid, 'pg_namespace') AS comment, current_database() AS database,
         (SELECT system_identifier::text FROM pg_control_system()) AS system
    FROM (SELECT 1) AS one LEFT JOIN pg_namespace n ON n.nspname = '${MARKER_SCHEMA}'`;

export async function readMarker(source: Pick<Database, 'one'>): Promise<MarkerState> {
  const { comment, database, system } = await source.one(READ);
  const marker = parse(comment ?? null);
  if (marker === null) return { tag: 'unmarked' };
  if (marker.database === database && marker.systemIdentifier === system) return { tag: 'marked', marker };
  return { tag: 'foreign', of: `${marker.database} on another server, or under another name` };
}

function parse(comment: string | null): Marker | null {
  if (comment === null) return null;
  try {
    return markerSchema.parse(JSON.parse(comment));
  } catch {
    // A schema of that name that is not the lab's.
    return null;
  }
}

/** Writes the marker. The caller must have the consent. */
export async function writeMarker(config: ExternalConfig): Promise<Marker> {
  return onSource(config, async (client) => {
    const { rows } = await client.query<{ database: string; system: string }>(
      `SELECT current_database() AS database, (SELECT system_identifier::text FROM pg_control_system()) AS system`,
    );
    const { database = '', system = '' } = rows[0] ?? {};
    const marker: Marker = {
      ...{ cdcLab: 1, database, systemIdentifier: system },
      ...{ by: userInfo().username, at: new Date().toISOString() },
    };
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${MARKER_SCHEMA}`);
    await client.query(
      `COMMENT ON SCHEMA ${MARKER_SCHEMA} IS ${client.escapeLiteral(JSON.stringify(marker))}`,
    );
    return marker;
  });
}

/**
 * Removes the marker, even one that came with a dump, with its schema; fails if anything else is in the schema. A
 * schema of that name without a marker is not the lab's, and stays.
 */
export async function removeMarker(config: ExternalConfig): Promise<void> {
  await onSource(config, async (client) => {
    const one = async (sql: string) => (await client.query(sql)).rows[0] ?? {};
    if ((await readMarker({ one })).tag === 'unmarked') return;
    await client.query(`DROP SCHEMA IF EXISTS ${MARKER_SCHEMA}`);
  });
}

/** Runs `work` on a connection to the source that may write. */
export async function onSource<T>(
  config: ExternalConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const target = connectionOptions(postgresUrl(config.source), 'source.password');
  return withDatabase({ ...target, application_name: 'cdc-lab-config' }, work);
}
