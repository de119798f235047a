import type { Socket } from 'node:net';
import pg from 'pg';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { tlsRefusal } from '../../pipeline/contract/tls-refusal.ts';
import { loginRefusal } from './refusal.ts';
import { urlWithSecrets } from './secret.ts';

/** Text form of every value is the same on both sides only under these. */
export const PINNED_SETTINGS: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  IntervalStyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  lc_monetary: 'C',
  search_path: 'pg_catalog',
  // Rows that a policy would hide are an error, not absent.
  row_security: 'off',
  // A verifier reads: what it does must neither wait for long nor hold anything for long.
  lock_timeout: '10s',
  idle_in_transaction_session_timeout: '120s',
};

/** A server that does not take its leave within this is left. */
const GOODBYE_MS = 2_000;

/** Type parser that leaves every value as PostgreSQL's text. */
const asText = { getTypeParser: () => (value: string | Buffer) => value };

export type Row = Readonly<Record<string, string | null>>;

/** One connection of the verifier. All values come back as text, null as null. */
export class Database implements AsyncDisposable {
  readonly side: 'source' | 'sink';
  readonly #client: pg.Client;
  readonly #limitMs: number;
  #ended = false;
  #underWay = 0;

  private constructor(side: 'source' | 'sink', client: pg.Client, statementTimeoutMs: number) {
    this.side = side;
    this.#limitMs = statementTimeoutMs + 5_000;
    this.#client = client;
  }

  /**
   * Connects with the settings of an oracle pinned: read-only by default, every statement under a time-out.
   * @throws LabError CDC-4010 where the database cannot be reached.
   */
  static async connect(side: 'source' | 'sink', url: string, statementTimeoutMs: number): Promise<Database> {
    const client = new pg.Client({
      connectionString: urlWithSecrets(url, `${side}.url`),
      application_name: `cdc-lab verifier (${side})`,
      connectionTimeoutMillis: Math.min(10_000, statementTimeoutMs),
      statement_timeout: statementTimeoutMs,
      keepAlive: true,
      types: asText,
    });
    const database = new Database(side, client, statementTimeoutMs);
    // A connection that breaks between queries is reported by the next query; without a listener Node would exit.
    for (const event of ['error', 'end'] as const) {
      client.on(event, () => {
        database.#ended = true;
      });
    }
    try {
      await client.connect();
      const settings = Object.entries({ ...PINNED_SETTINGS, default_transaction_read_only: 'on' });
      await client.query(
        `SELECT ${settings.map(([k, v]) => `set_config('${k}', '${v}', false)`).join(', ')}`,
      );
    } catch (cause) {
      await client.end().catch(() => undefined);
      const { why, remedy } = tlsRefusal(cause) ??
        loginRefusal(cause) ?? {
          why: messageOf(cause),
          remedy: `See whether the ${side} PostgreSQL is running, then verify again.`,
        };
      throw new LabError('CDC-4010', `The ${side} database cannot be reached: ${why}.`, { remedy, cause });
    }
    return database;
  }

  /** False once the connection has broken or was closed. */
  get isOpen(): boolean {
    return !this.#ended;
  }

  /** True while a query waits for its answer. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /**
   * @param limitMs The connection is given up when no answer comes within it: a stopped server does not even
   * run into its own statement time-out.
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
    this.#underWay++;
    try {
      const query = this.#client.query<Record<string, string | null>>(sql, [...values]);
      return (await Promise.race([query, late.promise])).rows;
    } catch (cause) {
      throw new Error(`${this.side}: ${messageOf(cause)}`, { cause });
    } finally {
      this.#underWay--;
      clearTimeout(timer);
    }
  }

  /** The first row. @throws where there is none. */
  async one(sql: string, values: readonly unknown[] = [], limitMs = this.#limitMs): Promise<Row> {
    const [row] = await this.query(sql, values, limitMs);
    if (row === undefined) throw new Error(`${this.side}: a query that must give a row gave none`);
    return row;
  }

  /** Runs `work` in one read-only snapshot. */
  async snapshot<T>(work: () => Promise<T>): Promise<T> {
    await this.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    try {
      return await work();
    } finally {
      // Read-only: nothing to keep. A broken connection has no transaction left.
      await this.query('ROLLBACK').catch(() => undefined);
    }
  }

  /** Rows of a query, `batch` at a time, through a cursor; needs a {@link snapshot}. */
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
    const timer = setTimeout(() => this.#abandon(), GOODBYE_MS);
    await this.#client.end().catch(() => undefined);
    clearTimeout(timer);
  }

  /** Closes the socket without a word; a query under way is rejected. */
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
