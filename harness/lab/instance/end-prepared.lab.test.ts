import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withDatabase } from '../../../fixtures/database.ts';
import { preparePostgres } from '../process/postgres-service.ts';
import { temporaryLab } from '../process/testing/temporary-lab.ts';
import { freePorts } from '../services/ports.ts';
import { dropDatabases } from './instance-databases.ts';
import type { InstancePlan } from './instance-plan.ts';

const password = 'secret';

test('a database is dropped with what a killed fault has left prepared in it, and nothing else is rolled back', async () => {
  await using lab = temporaryLab();
  const [port = 0] = await freePorts(1);
  const spec = await preparePostgres({
    ...{ name: 'pg-source', stateDir: lab.dir, password, port },
    dataDir: join(lab.dir, 'data', 'pg-source'),
    log: join(lab.dir, 'pg-source.log'),
  });
  await lab.runtime.launch(spec);
  const at = { host: '127.0.0.1', port, user: 'postgres', password };
  const ask = async (database: string, ...sql: string[]) =>
    withDatabase({ ...at, database }, async (client) => {
      let rows: unknown[] = [];
      for (const one of sql) ({ rows } = await client.query(one));
      return rows;
    });
  await ask('postgres', 'CREATE DATABASE own', 'CREATE DATABASE other');
  for (const name of ['own', 'other'])
    await ask(name, 'BEGIN', 'CREATE TABLE t (id int)', `PREPARE TRANSACTION 'it''s ${name}'`);
  const ports = { pgSource: port, pgSink: 0 };
  const plan = { database: 'own', ports, privateServers: ['pg-sink'] } as unknown as InstancePlan;
  await dropDatabases(plan, password);
  expect(await ask('postgres', 'SELECT gid FROM pg_prepared_xacts')).toEqual([{ gid: "it's other" }]);
  expect(await ask('postgres', `SELECT datname FROM pg_database WHERE datname = 'own'`)).toEqual([]);
});
