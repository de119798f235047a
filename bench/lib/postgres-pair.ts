import { randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { withDatabase } from '../../fixtures/database.ts';
import { startPostgres } from '../../fixtures/testing/postgres-server.ts';
import { killTree } from '../../harness/lab/process/process-tree.ts';
import { freePorts } from '../../harness/lab/services/ports.ts';
import type { ProcessIdentity } from '../../harness/lab/state/process-table.ts';

/** Two PostgreSQL servers and nothing else. The URLs contain the password. */
export interface PostgresPair {
  readonly sourceUrl: string;
  readonly sinkUrl: string;
}

/** Starts two servers with the lab's settings, and ends them afterwards. */
export async function withPostgresPair<T>(dir: string, work: (pair: PostgresPair) => Promise<T>): Promise<T> {
  // PostgreSQL runs as another user, who must be able to pass through.
  chmodSync(dir, 0o711);
  const password = randomBytes(18).toString('base64url');
  const started: ProcessIdentity[] = [];
  const onStarted = async (identity: ProcessIdentity): Promise<void> => void started.push(identity);
  const start = (name: string, port: number): Promise<string> =>
    startPostgres({ name, dir, port, password, onStarted });
  try {
    const [source = 0, sink = 0] = await freePorts(2);
    return await work({ sourceUrl: await start('source', source), sinkUrl: await start('sink', sink) });
  } finally {
    await killTree(started);
  }
}

/**
 * Sets up PostgreSQL's logical replication of one table, and waits for its initial copy.
 * @returns the subscription's name.
 */
export async function subscribe({ sourceUrl, sinkUrl }: PostgresPair, table: string): Promise<string> {
  const { port, password } = new URL(sourceUrl);
  await withDatabase(sourceUrl, (client) => client.query(`CREATE PUBLICATION bench FOR TABLE ${table}`));
  await withDatabase(sinkUrl, async (client) => {
    const link = `host=127.0.0.1 port=${port} user=postgres password=${password} dbname=postgres`;
    await client.query(`CREATE SUBSCRIPTION bench CONNECTION '${link}' PUBLICATION bench`);
    for (let waited = 0; ; waited++) {
      const { rows } = await client.query(`SELECT 1 FROM pg_subscription_rel WHERE srsubstate <> 'r'`);
      if (rows.length === 0) return;
      if (waited === 600) throw new Error('the initial copy did not end within 60 s');
      await client.query('SELECT pg_sleep(0.1)');
    }
  });
  return 'bench';
}
