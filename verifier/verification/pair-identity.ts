import { createHash } from 'node:crypto';
import type { Database } from '../connection/postgres.ts';
import type { Databases } from '../observe/connections.ts';
import type { PairIdentity } from './memory-file.ts';

/** A copy of a server's files has the same identifier, so the oid and the name of the database count as well. */
const IDENTITY_SQL = `
  SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || oid || '/' || datname AS identity
  FROM pg_database WHERE datname = current_database()`;

/** Identifies the two databases: another pair never gets the same identity, and a database that is created again a new one. */
export async function readIdentity({ source, sink }: Databases): Promise<PairIdentity> {
  const of = async (database: Database): Promise<string> => (await database.one(IDENTITY_SQL)).identity ?? '';
  const [ours, theirs] = [await of(await source()), await of(await sink())];
  const hash = createHash('sha256').update(JSON.stringify([ours, theirs]));
  return { source: ours, sink: theirs, name: hash.digest('hex').slice(0, 16) };
}
