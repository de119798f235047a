import { createHash } from 'node:crypto';
import type { VerifierConfig } from '../config.ts';
import type { Database } from '../connection/postgres.ts';
import type { Databases } from '../observe/connections.ts';
import type { PairIdentity } from './memory-file.ts';

/** A copy of a server's files has the same identifier, so the oid and the name of the database count as well. */
const IDENTITY_SQL = `
  SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || oid || '/' || datname AS identity
  FROM pg_database WHERE datname = current_database()`;

/** The part of a configuration that distinguishes two pipelines between the same databases. */
export type Between = Pick<VerifierConfig, 'topicPrefix' | 'tableMap'> & {
  readonly sink: Pick<VerifierConfig['sink'], 'schema' | 'sameSchemas'>;
};

/**
 * Identifies the two databases and the pipeline between them: another pair or pipeline never gets the same identity, and a
 * database that is created again a new one.
 */
export async function readIdentity({ source, sink }: Databases, between: Between): Promise<PairIdentity> {
  const of = async (database: Database): Promise<string> => (await database.one(IDENTITY_SQL)).identity ?? '';
  const [ours, theirs, pipeline] = [await of(await source()), await of(await sink()), textOf(between)];
  const hash = createHash('sha256').update(JSON.stringify([ours, theirs, pipeline]));
  return { source: ours, sink: theirs, pipeline, name: hash.digest('hex').slice(0, 16) };
}

function textOf({ topicPrefix, tableMap, sink: { schema, sameSchemas } }: Between): string {
  const map = Object.entries(tableMap).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([topicPrefix, sameSchemas ? null : schema, map]);
}
