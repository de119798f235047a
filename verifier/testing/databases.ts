import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject, vi } from 'vitest';
import type {} from '../../fixtures/testing/provided.ts';
import { Database } from '../connection/postgres.ts';

/** A new database on each of the two test servers, with the verifier's connections to them. */
export interface DatabasePair extends AsyncDisposable {
  readonly sourceUrl: string;
  readonly sinkUrl: string;
  readonly source: Database;
  readonly sink: Database;
  /** Runs statements as a writer would. */
  onSource(sql: string): Promise<void>;
  onSink(sql: string): Promise<void>;
  onBoth(sql: string): Promise<void>;
}

/** @param servers URLs of superusers on the source's and the sink's server; by default the test servers. */
export async function databasePair(
  servers: readonly [string, string] = [inject('sourceUrl'), inject('sinkUrl')],
): Promise<DatabasePair> {
  const name = `verifier_${randomBytes(6).toString('hex')}`;
  const admins = [...servers];
  const urls = admins.map((url) => Object.assign(new URL(url), { pathname: `/${name}` }).href);
  await Promise.all(admins.map((admin) => run(admin, `CREATE DATABASE ${name}`)));
  const [sourceUrl = '', sinkUrl = ''] = urls;
  const writers = urls.map((connectionString) => new pg.Client({ connectionString }));
  const [source, sink] = await Promise.all([
    Database.connect('source', sourceUrl, 30_000),
    Database.connect('sink', sinkUrl, 30_000),
    ...writers.map((writer) => writer.connect()),
  ]);
  const on = async (side: number, sql: string): Promise<void> => void (await writers[side]?.query(sql));
  return {
    sourceUrl,
    sinkUrl,
    source,
    sink,
    onSource: (sql) => on(0, sql),
    onSink: (sql) => on(1, sql),
    onBoth: async (sql) => {
      await Promise.all([on(0, sql), on(1, sql)]);
    },
    [Symbol.asyncDispose]: async () => {
      const connections = [source, sink].map((one) => one[Symbol.asyncDispose]());
      await Promise.all([...connections, ...writers.map((writer) => writer.end())]);
      // A walsender keeps its slot, and so the database, in use until it notices that its client is gone.
      const drop = (admin: string) => run(admin, `DROP DATABASE ${name} WITH (FORCE)`);
      await Promise.all(
        admins.map((admin) => vi.waitFor(() => drop(admin), { timeout: 30_000, interval: 50 })),
      );
    },
  };
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
