// What a task needs around it in a test: a context that remembers what it was given, and a separate database.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { DeadlineError, poll } from '../../../harness/wait.ts';
import type { TaskContext } from '../../contract/connector.ts';
import type { CrashPoint } from '../../contract/crash-points.ts';
import type { HealthBounds } from '../../contract/health.ts';
import type { Defect } from '../../contract/stages.ts';

export interface TestContext extends TaskContext {
  /** `applied public.customers` → n. */
  readonly counts: Map<string, number>;
  readonly lags: Map<string, number>;
  readonly logged: string[];
  /** Makes the task wait at the point until `release`. */
  arm(point: CrashPoint): { readonly arrived: Promise<void>; release(): void };
}

export function testContext(
  connector: string,
  bootstrapServers: readonly string[],
  options: { workerId?: string; defects?: readonly Defect[]; healthBounds?: HealthBounds } = {},
): TestContext {
  const counts = new Map<string, number>();
  const lags = new Map<string, number>();
  const logged: string[] = [];
  const armed = new Map<CrashPoint, { arrive: () => void; wait: Promise<void> }>();
  const log = (message: string, fields?: unknown): void => {
    logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  };
  return {
    connector,
    workerId: options.workerId ?? 'sink@test',
    bootstrapServers,
    offsetsTopic: 'connect-offsets',
    log: { debug: log, info: log, warn: log, error: log },
    metrics: {
      count: (what, table, n) => {
        counts.set(`${what} ${table}`, (counts.get(`${what} ${table}`) ?? 0) + n);
      },
      lag: (table, n) => {
        lags.set(table, n);
      },
      latency: () => undefined,
    },
    crashPoints: {
      reach: (point) => {
        const trap = armed.get(point);
        trap?.arrive();
        return trap?.wait;
      },
      holds: (point) => armed.has(point),
    },
    defects: options.defects ?? [],
    ...(options.healthBounds === undefined ? {} : { healthBounds: options.healthBounds }),
    counts,
    lags,
    logged,
    arm(point) {
      const arrived = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      armed.set(point, { arrive: arrived.resolve, wait: released.promise });
      return {
        arrived: arrived.promise,
        release: () => {
          armed.delete(point);
          released.resolve();
        },
      };
    },
  };
}

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  readonly client: pg.Client;
  /** Keys of a sink's configuration that name this database. */
  readonly config: Readonly<Record<string, string>>;
  rows(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
}

/** Creates a database on the sink server; disposing of it drops it. */
export async function testDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `sink_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  return {
    name,
    client,
    config: {
      'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
      'connection.url': `jdbc:postgresql://${url.hostname}:${url.port}/${name}`,
      'connection.username': decodeURIComponent(url.username),
      'connection.password': decodeURIComponent(url.password),
      'collection.name.format': '${source.table}',
      'primary.key.mode': 'record_key',
      'delete.enabled': 'true',
      'truncate.enabled': 'true',
      'schema.evolution': 'basic',
    },
    rows: async (sql, values = []) => (await client.query(sql, values)).rows as Record<string, unknown>[],
    [Symbol.asyncDispose]: async () => {
      await client.end();
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}

/** Polls until the condition holds. @throws DeadlineError at the deadline, and whatever the condition throws. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  deadlineMs = 20_000,
): Promise<void> {
  const met = await poll(condition, { withinMs: deadlineMs, everyMs: 25 });
  if (met === undefined) throw new DeadlineError(what, deadlineMs);
}
