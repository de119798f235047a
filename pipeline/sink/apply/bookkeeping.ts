import type { ClientBase } from 'pg';
import { LabError } from '../../contract/errors.ts';
import {
  DEDUP_TABLE,
  OFFSETS_TABLE,
  STATS_TABLE,
  SWEEPS_TABLE,
  TOMBSTONES_TABLE,
  TRUNCATES_TABLE,
} from '../../contract/sink-tables.ts';

const BOOKKEEPING_LOCK = 0x6364_6302;

const TABLES = `
  CREATE TABLE IF NOT EXISTS ${OFFSETS_TABLE} (
    connector text NOT NULL, topic text NOT NULL, partition integer NOT NULL,
    next_offset bigint NOT NULL, cluster_id text NOT NULL, topic_id text NOT NULL,
    epoch bigint NOT NULL, owner text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connector, topic, partition)) WITH (fillfactor = 50);
  CREATE TABLE IF NOT EXISTS ${DEDUP_TABLE} (
    connector text NOT NULL, identity text COLLATE "C" NOT NULL,
    topic text NOT NULL, partition integer NOT NULL, "offset" bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connector, identity));
  CREATE TABLE IF NOT EXISTS ${TOMBSTONES_TABLE} (
    table_name text NOT NULL, key text COLLATE "C" NOT NULL, position text COLLATE "C" NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_name, key));
  CREATE TABLE IF NOT EXISTS ${TRUNCATES_TABLE} (
    table_name text PRIMARY KEY, position text COLLATE "C" NOT NULL,
    truncated_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE IF NOT EXISTS ${SWEEPS_TABLE} (
    connector text NOT NULL, topic text NOT NULL, partition integer NOT NULL,
    snapshot text, partitions integer, before text COLLATE "C", set_aside text COLLATE "C",
    done_at timestamptz, deleted bigint, refused text,
    PRIMARY KEY (connector, topic, partition));
  CREATE TABLE IF NOT EXISTS ${STATS_TABLE} (
    connector text NOT NULL, table_name text NOT NULL, topic text NOT NULL, partition integer NOT NULL,
    applied bigint NOT NULL DEFAULT 0, suppressed bigint NOT NULL DEFAULT 0,
    dead_lettered bigint NOT NULL DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connector, table_name, topic, partition)) WITH (fillfactor = 50);`;

/**
 * Creates the sink's own tables if they are missing.
 * @param schema the schema that they must be in: the first of the connection's `search_path`.
 * @throws LabError CDC-2025 if that schema does not exist: PostgreSQL would silently use the next one.
 */
export async function ensureBookkeeping(client: ClientBase, schema = 'public'): Promise<void> {
  const { rows } = await client.query<{ current_schema: string | null }>('SELECT current_schema()');
  if (rows[0]?.current_schema !== schema) {
    throw new LabError('CDC-2025', `The sink database has no schema "${schema}" that the user may use.`, {
      remedy: 'Create the schema, or name another as currentSchema in connection.url.',
    });
  }
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [BOOKKEEPING_LOCK]);
    await client.query(TABLES);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/**
 * Removes tombstones of this connector's tables and its dedup entries that are older than `retentionMs`: the longest time
 * that a topic keeps its records, or more. No record that could still be read needs them.
 */
export async function pruneBookkeeping(
  client: ClientBase,
  connector: string,
  retentionMs: number,
): Promise<void> {
  const args = [connector, retentionMs / 1_000];
  await client.query(
    `DELETE FROM ${TOMBSTONES_TABLE} WHERE deleted_at < now() - make_interval(secs => $2)
        AND table_name IN (SELECT table_name FROM ${STATS_TABLE} WHERE connector = $1)`,
    args,
  );
  await client.query(
    `DELETE FROM ${DEDUP_TABLE} WHERE connector = $1 AND seen_at < now() - make_interval(secs => $2)`,
    args,
  );
}
