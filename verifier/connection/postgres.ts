/**
 * `verifier/connection`: reaches databases, Kafka and HTTP services, and keeps secrets out of configurations.
 * In: URLs, logins and certificates as a configuration gives them, with references in place of secrets.
 * Out: a connection whose values are text, the options of kafkajs, an answer over HTTP, or an error with a remedy.
 * Promises: databases are opened read-only; every wait has a timeout or a signal; a secret is read only when it is used
 *   and appears in no error; a configuration in which HTTP or Kafka would send it unencrypted is refused.
 */

import type { Socket } from 'node:net';
import pg from 'pg';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { tlsRefusal } from '../../pipeline/contract/tls-refusal.ts';
import { connectionOptions } from './connection-string.ts';
import { loginRefusal } from './refusal.ts';

/**
 * Both sides print a value as the same text, and read a statement in the same way, only under the same settings. Which
 * settings matter is shown by `settings.pg.test.ts`, which tries all that a database or a role may set.
 */
export const PINNED_SETTINGS: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  IntervalStyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  xmloption: 'content',
  lc_monetary: 'C',
  search_path: 'pg_catalog',
  // If it were off, NULL in an array parameter would be the text 'NULL'.
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  transform_null_equals: 'off',
  // If it were on, `format_type` would print other names for the same types.
  quote_all_identifiers: 'off',
  // It can forbid reading views.
  restrict_nonsystem_relation_kind: '',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // Rows that a policy would hide cause an error instead of being left out.
  row_security: 'off',
  // A verifier only reads: it must neither wait for a lock nor hold a snapshot for long.
  lock_timeout: '10s',
  idle_in_transaction_session_timeout: '120s',
  // The verifier ends its sessions and snapshots itself.
  idle_session_timeout: '0',
  transaction_timeout: '0',
};

/**
 * SQL that pins settings, for the session or only for the transaction that is open. A setting that this version of
 * PostgreSQL does not know is left out. The SQL itself reads alike under any settings.
 */
export function pinning(
  settings: Readonly<Record<string, string>>,
  until: 'session' | 'transaction',
): string {
  const values = Object.entries(settings).map(([name, value]) => `('${name}', '${value}')`);
  return `SELECT pg_catalog.set_config(name, value, ${until === 'transaction'})
    FROM (VALUES ${values.join(', ')}) AS pinned(name, value)
    WHERE pg_catalog.current_setting(name, true) IS NOT NULL;`;
}

/** {@link pinning} for the session. A default of `serializable`, which a hot standby refuses, does not apply to it. */
export function pinningSession(settings: Readonly<Record<string, string>>): string {
  return `BEGIN ISOLATION LEVEL READ COMMITTED; ${pinning(settings, 'session')} COMMIT`;
}

/** Give up on a graceful close after this. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Type parser that keeps every value as PostgreSQL's text. */
const asText = { getTypeParser: () => (value: string | Buffer) => value };

export type Row = Readonly<Record<string, string | null>>;

/** A connection of the verifier. Every value is returned as text, NULL as null. */
export class Database implements AsyncDisposable {
  readonly side: 'source' | 'sink';
  readonly #client: pg.Client;
  readonly #limitMs: number;
  #ended = false;
  #inFlight = 0;

  private constructor(side: 'source' | 'sink', client: pg.Client, statementTimeoutMs: number) {
    this.side = side;
    this.#limitMs = statementTimeoutMs + 5_000;
    this.#client = client;
  }

  /**
   * Connects with {@link PINNED_SETTINGS}, read-only by default, and with a timeout for every statement.
   * @throws LabError CDC-4010 if the database cannot be reached.
   */
  static async connect(side: 'source' | 'sink', url: string, statementTimeoutMs: number): Promise<Database> {
    const client = new pg.Client({
      ...connectionOptions(url, `${side}.url`),
      application_name: `cdc-lab verifier (${side})`,
      connectionTimeoutMillis: Math.min(10_000, statementTimeoutMs),
      statement_timeout: statementTimeoutMs,
      keepAlive: true,
      types: asText,
    });
    const database = new Database(side, client, statementTimeoutMs);
    // If the connection breaks between queries, the next query reports it. Without a listener, Node would exit.
    for (const event of ['error', 'end'] as const) {
      client.on(event, () => {
        database.#ended = true;
      });
    }
    try {
      await client.connect();
      await client.query(pinningSession({ ...PINNED_SETTINGS, default_transaction_read_only: 'on' }));
    } catch (cause) {
      await client.end().catch(() => undefined);
      const { why, remedy } = tlsRefusal(cause) ??
        loginRefusal(cause) ?? {
          why: messageOf(cause),
          remedy: `Check that the ${side} PostgreSQL is running, then verify again.`,
        };
      throw new LabError('CDC-4010', `The ${side} database cannot be reached: ${why}.`, { remedy, cause });
    }
    return database;
  }

  /** False once the connection has broken or was closed. */
  get isOpen(): boolean {
    return !this.#ended;
  }

  /** True while a query is in flight. */
  get isBusy(): boolean {
    return this.#inFlight > 0;
  }

  /**
   * Runs a query.
   * @param limitMs Give up on the connection if there is no answer within this time: a server that hangs does not enforce
   *   its statement timeout.
   */
  async query(
    sql: string,
    values: readonly unknown[] = [],
    limitMs = this.#limitMs,
  ): Promise<readonly Row[]> {
    if (this.#ended) throw new Error(`the connection to the ${this.side} database is closed`);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.#abandon();
      late.reject(new Error(`no answer within ${limitMs} ms`));
    }, limitMs);
    this.#inFlight++;
    try {
      const query = this.#client.query<Record<string, string | null>>(sql, [...values]);
      return (await Promise.race([query, late.promise])).rows;
    } catch (cause) {
      throw new Error(`${this.side}: ${messageOf(cause)}`, { cause });
    } finally {
      this.#inFlight--;
      clearTimeout(timer);
    }
  }

  /** Runs a query that returns a row. @throws if it returns none. */
  async one(sql: string, values: readonly unknown[] = [], limitMs = this.#limitMs): Promise<Row> {
    const [row] = await this.query(sql, values, limitMs);
    if (row === undefined) throw new Error(`${this.side}: a query that must return a row returned none`);
    return row;
  }

  /** Runs `work` in one read-only snapshot. */
  async snapshot<T>(work: () => Promise<T>): Promise<T> {
    await this.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    try {
      return await work();
    } finally {
      // The transaction is read-only, so there is nothing to keep. A broken connection has no transaction left.
      await this.query('ROLLBACK').catch(() => undefined);
    }
  }

  /** Runs `work` inside an open {@link snapshot}. If it fails, the snapshot can still be read. */
  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    await this.query('SAVEPOINT verifier');
    try {
      return await work();
    } catch (error) {
      await this.query('ROLLBACK TO SAVEPOINT verifier').catch(() => undefined);
      throw error;
    } finally {
      await this.query('RELEASE SAVEPOINT verifier').catch(() => undefined);
    }
  }

  /** Yields the rows of a query through a cursor, fetching `batch` rows at a time; requires a {@link snapshot}. */
  async *stream(name: string, sql: string, values: readonly unknown[], batch = 2_000): AsyncGenerator<Row> {
    await this.query(`DECLARE ${name} NO SCROLL CURSOR FOR ${sql}`, values);
    try {
      for (;;) {
        const rows = await this.query(`FETCH ${batch} FROM ${name}`);
        yield* rows;
        if (rows.length < batch) return;
      }
    } finally {
      await this.query(`CLOSE ${name}`).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const timer = setTimeout(() => this.#abandon(), CLOSE_TIMEOUT_MS);
    await this.#client.end().catch(() => undefined);
    clearTimeout(timer);
  }

  /** Closes the socket at once. A query in flight is rejected. */
  #abandon(): void {
    this.#ended = true;
    (this.#client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  }
}

/** Quotes an identifier. */
export function ident(name: string): string {
  return pg.escapeIdentifier(name);
}

/** Quotes a literal. */
export function literal(text: string): string {
  return pg.escapeLiteral(text);
}
