import type pg from 'pg';
import { withDatabase } from '../../../fixtures/database.ts';
import { applySchema } from '../../../fixtures/schema/schema.ts';
import { seedRows } from '../../../fixtures/schema/seed.ts';
import { poll } from '../../wait.ts';
import { engineOf } from '../engines.ts';
import type { InstanceSpec, PrivateServer } from '../lab.ts';
import type { InstancePlan } from './instance-plan.ts';

const SLOT_TIMEOUT_MS = 20_000;

/**
 * Creates the source database with the fixture schema, its first rows, and what the spec has besides.
 * @param atSource SQL to run before there are rows.
 */
export async function createSourceDatabase(
  plan: InstancePlan,
  spec: InstanceSpec,
  password: string,
  atSource: readonly string[] = [],
): Promise<void> {
  await createDatabase(plan.ports.pgSource, plan.database, password);
  await withClient(plan.ports.pgSource, plan.database, password, async (client) => {
    await applySchema(client);
    for (const role of ['source', 'sink'] as const) {
      for (const sql of engineOf(role, plan.engines).atSource) await client.query(sql);
    }
    for (const sql of atSource) await client.query(sql);
    await seedRows(client, spec.seedRows, spec.seed);
    for (const sql of spec.atSource?.sql ?? []) await client.query(sql);
  });
}

/** Creates the sink database, empty: the sink connector creates its tables. */
export function createSinkDatabase(plan: InstancePlan, password: string): Promise<void> {
  return createDatabase(plan.ports.pgSink, plan.database, password);
}

/** Drops both databases and their slots, if they exist; publications go with the database, all of it with a private server. */
export async function dropDatabases(plan: InstancePlan, password: string): Promise<void> {
  const isShared = (server: PrivateServer): boolean => plan.privateServers?.includes(server) !== true;
  const { pgSource, pgSink } = plan.ports;
  await Promise.all([
    ...(isShared('pg-source') ? [dropDatabase(pgSource, plan.database, password)] : []),
    ...(isShared('pg-sink') ? [dropDatabase(pgSink, plan.database, password)] : []),
  ]);
}

async function createDatabase(port: number, name: string, password: string): Promise<void> {
  await withClient(port, 'postgres', password, (client) =>
    client.query(`CREATE DATABASE ${client.escapeIdentifier(name)} TEMPLATE template0`),
  );
}

async function dropDatabase(port: number, name: string, password: string): Promise<void> {
  await dropSubscriptions(port, name, password);
  await endPrepared(port, name, password);
  await withClient(port, 'postgres', password, async (client) => {
    await dropSlots(client, name);
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
  });
}

/** Drops the database's subscriptions, without which it could not be dropped. Their slots are left to the source, which
 * may be gone. */
async function dropSubscriptions(port: number, name: string, password: string): Promise<void> {
  const sql = `SELECT subname AS name FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
               WHERE d.datname = $1`;
  const find = async (client: pg.Client) => (await client.query<{ name: string }>(sql, [name])).rows;
  const found = await withClient(port, 'postgres', password, find);
  if (found.length === 0) return;
  await withClient(port, name, password, async (client) => {
    for (const subscription of found.map((row) => client.escapeIdentifier(row.name))) {
      await client.query(`ALTER SUBSCRIPTION ${subscription} DISABLE`);
      await client.query(`ALTER SUBSCRIPTION ${subscription} SET (slot_name = NONE)`);
      await client.query(`DROP SUBSCRIPTION ${subscription}`);
    }
  });
}

/**
 * Rolls back the database's prepared transactions, without which it could not be dropped: a fault that was killed between
 * PREPARE and COMMIT leaves one.
 */
async function endPrepared(port: number, name: string, password: string): Promise<void> {
  const sql = 'SELECT gid FROM pg_prepared_xacts WHERE database = $1';
  const find = async (client: pg.Client) => (await client.query<{ gid: string }>(sql, [name])).rows;
  const gids = (await withClient(port, 'postgres', password, find)).map(({ gid }) => gid);
  if (gids.length === 0) return;
  await withClient(port, name, password, async (client) => {
    for (const gid of gids) await client.query(`ROLLBACK PREPARED ${client.escapeLiteral(gid)}`);
  });
}

/** Drops the slots of a database. A slot stays active until the server notices that its reader is gone. */
export async function dropSlots(client: pg.Client, database: string): Promise<void> {
  const left = await poll(
    async () => {
      await client.query(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active`,
        [database],
      );
      await client.query(
        `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1 AND NOT active`,
        [database],
      );
      const { rows } = await client.query('SELECT 1 FROM pg_replication_slots WHERE database = $1', [
        database,
      ]);
      return rows.length === 0 ? true : undefined;
    },
    { withinMs: SLOT_TIMEOUT_MS, everyMs: 20, maxEveryMs: 200 },
  );
  if (left === undefined)
    throw new Error(`a replication slot of database ${database} is still in use after ${SLOT_TIMEOUT_MS} ms`);
}

/** Runs `work` on its own connection. */
function withClient<T>(
  port: number,
  database: string,
  password: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withDatabase({ host: '127.0.0.1', port, user: 'postgres', database, password }, work);
}
