import type { Client } from 'pg';
import { LabError, messageOf } from '../../contract/errors.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { TableDescription } from '../../contract/table.ts';
import type { SourceConfig } from '../config/source-config.ts';
import {
  type CatalogueTable,
  describeForSnapshot,
  lookUpTable,
  type PublishedTable,
} from '../source/catalogue.ts';
import { connect, disconnect } from '../source/connection.ts';
import { explainQuery, isDamagedText } from '../source/damaged-text.ts';
import { DATA_ROW, MessageTap } from '../source/message-tap.ts';
import { createSlot } from '../source/slot.ts';
import { quoteIdentifier, quoteLiteral, quoteTable } from '../source/sql.ts';
import { RawRows } from './raw-rows.ts';

/** Consecutive rows of a table, and where the next chunk starts. */
export interface Chunk {
  readonly rows: RawRows;
  /** Number of rows that belong to the chunk. */
  readonly count: number;
  /** Key of its last row, as text; null for a table without a primary key. */
  readonly lastKey: string[] | null;
  /** More rows follow. */
  readonly more: boolean;
}

export interface ChunkRequest {
  readonly afterKey: readonly string[] | null;
  readonly limit: number;
  /** SQL condition on the rows, as the signal gave it. */
  readonly filter?: string | undefined;
}

/** A snapshot's filter fails, and would fail again in a retry. The snapshot's transaction is aborted. */
export class FilterError extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** True if the statement caused the error, not the connection, the server or a lack of resources. */
function isStatementError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^[0-9A-Z]{5}$/.test(code) && !/^(08|40|53|55|57|58|XX)/.test(code);
}

interface Statement {
  readonly text: string;
  readonly values: readonly string[];
}

function whereOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
}

/** The table in FROM: with all its partitions, or without the tables that inherit from it. */
function rowsOf(table: CatalogueTable): string {
  return `${table.partitioned ? '' : 'ONLY '}${quoteTable(table)}`;
}

/** A snapshot of the database at a known position of the WAL: one REPEATABLE READ transaction. */
export class SnapshotReader implements AsyncDisposable {
  /** The snapshot contains exactly the transactions that committed before this position. */
  readonly consistentPoint: Lsn;
  readonly #config: SourceConfig;
  readonly #client: Client;
  readonly #tap: MessageTap;
  readonly #published: ReadonlyMap<string, PublishedTable>;
  #takenAtUs = 0n;
  #cursor: string | undefined;

  private constructor(
    config: SourceConfig,
    client: Client,
    consistentPoint: Lsn,
    published: readonly PublishedTable[],
  ) {
    this.#config = config;
    this.#client = client;
    this.#tap = new MessageTap(client);
    this.consistentPoint = consistentPoint;
    this.#published = new Map(published.map((table) => [quoteTable(table), table]));
  }

  /** When the snapshot was opened, by the database's clock, in microseconds since the epoch. */
  get takenAtUs(): bigint {
    return this.#takenAtUs;
  }

  /** Opens the snapshot that a slot has just exported. */
  static async open(
    config: SourceConfig,
    slot: { readonly consistentPoint: Lsn; readonly snapshotName: string },
    published: readonly PublishedTable[],
  ): Promise<SnapshotReader> {
    const client = await connect(config, 'sql', 'snapshot');
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(`SET TRANSACTION SNAPSHOT ${quoteLiteral(slot.snapshotName)}`);
      const reader = new SnapshotReader(config, client, slot.consistentPoint, published);
      const { rows } = await client.query<{ us: string }>(
        'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us',
      );
      reader.#takenAtUs = BigInt(rows[0]?.us ?? 0);
      return reader;
    } catch (error) {
      await disconnect(client);
      throw error;
    }
  }

  /**
   * Opens a snapshot of the current state. A temporary slot gives its position, because `pg_current_wal_lsn()` may be
   * later than a commit that is not visible yet.
   */
  static async openNow(
    config: SourceConfig,
    published: readonly PublishedTable[],
    slotName: string,
  ): Promise<SnapshotReader> {
    const replication = await connect(config, 'replication', 'snapshot slot');
    try {
      return await SnapshotReader.open(
        config,
        await createSlot(replication, slotName, { temporary: true }),
        published,
      );
    } finally {
      // The temporary slot ends with its connection; the transaction keeps the snapshot.
      await disconnect(replication);
    }
  }

  /**
   * Locks the tables against DDL until the snapshot is closed. Returns those that exist.
   * @throws if a table was rewritten or truncated since the snapshot was exported: the snapshot would see it empty.
   */
  async lock(
    tables: readonly { readonly schema: string; readonly table: string }[],
  ): Promise<CatalogueTable[]> {
    const found: CatalogueTable[] = [];
    for (const name of tables) {
      const table = await lookUpTable(this.#client, name.schema, name.table);
      if (table === undefined) continue;
      await this.#client.query(`LOCK TABLE ${rowsOf(table)} IN ACCESS SHARE MODE`);
      const { rows } = await this.#client.query<{ same: string }>(
        `SELECT pg_catalog.bool_and(c.relfilenode = COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0)) AS same
         FROM pg_catalog.pg_class c WHERE c.relkind = 'r'
           AND (c.oid = $1 OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1)))`,
        [table.relationOid],
      );
      if (rows[0]?.same === 'f') {
        throw new Error(
          `${name.schema}.${name.table} was rewritten while its snapshot was taken, so the snapshot must be retried.`,
        );
      }
      found.push(table);
    }
    return found;
  }

  /** The table with the columns of this snapshot's rows. @throws LabError CDC-1110 if the publication lacks it. */
  describe(table: CatalogueTable): TableDescription {
    return describeForSnapshot(table, this.#publishedTable(table).columns);
  }

  /**
   * True if the table has a row that meets the filter.
   * @throws FilterError if the filter is not a valid condition on the table's rows.
   */
  async hasRows(table: CatalogueTable, filter?: string): Promise<boolean> {
    const where = whereOf(this.#conditions(table, filter));
    const text = `SELECT 1 FROM ${rowsOf(table)}${where} LIMIT 1`;
    return (await this.#query({ text, values: [] }, filter)).length > 0;
  }

  /**
   * The next rows after a key, at most `limit`. Values are the texts that pgoutput would send.
   * @throws FilterError if the filter fails on a row. LabError CDC-1035 if a text is not UTF-8.
   */
  async read(
    table: CatalogueTable,
    columns: readonly string[],
    { afterKey, limit, filter }: ChunkRequest,
  ): Promise<Chunk> {
    const select = `SELECT ${columns.map(quoteIdentifier).join(', ')} FROM ${rowsOf(table)}`;
    const conditions = this.#conditions(table, filter);
    if (table.key.length === 0) {
      const all = `${select}${whereOf(conditions)}`;
      const chunk = this.#readCursor(all, limit, filter);
      return await this.#explained(chunk, table, columns, { text: `${all} LIMIT ${limit}`, values: [] });
    }
    const key = table.key.map(quoteIdentifier).join(', ');
    if (afterKey !== null) conditions.push(`(${key}) > (${afterKey.map((_, i) => `$${i + 1}`).join(', ')})`);
    const text = `${select}${whereOf(conditions)} ORDER BY ${key} LIMIT ${limit + 1}`;
    const statement = { text, values: afterKey ?? [] };
    const rows = await this.#explained(this.#rows(statement, filter), table, columns, statement);
    const count = Math.min(rows.length, limit);
    const last = count === 0 ? undefined : rows.texts(count - 1);
    const lastKey = last ? table.key.map((name) => last[columns.indexOf(name)] ?? '') : null;
    return { rows, count, more: rows.length > limit, lastKey };
  }

  /** Names the place of a text that is not UTF-8, by reading the rows of the statement once more. */
  async #explained<T>(
    reading: Promise<T>,
    table: CatalogueTable,
    columns: readonly string[],
    statement: Statement,
  ): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      if (!(error instanceof Error) || !isDamagedText(error)) throw error;
      throw await explainQuery(error, this.#config, table, columns, statement);
    }
  }

  /** A table without a key is read with a cursor, and from its first row again after a crash. */
  async #readCursor(select: string, limit: number, filter: string | undefined): Promise<Chunk> {
    if (this.#cursor !== select) {
      if (this.#cursor !== undefined) await this.#client.query('CLOSE chunks');
      await this.#query({ text: `DECLARE chunks NO SCROLL CURSOR FOR ${select}`, values: [] }, filter);
      this.#cursor = select;
    }
    const rows = await this.#rows({ text: `FETCH ${limit} FROM chunks`, values: [] }, filter);
    return { rows, count: rows.length, more: rows.length === limit, lastKey: null };
  }

  /** The publication's row filter and the signal's, each in parentheses. */
  #conditions(table: CatalogueTable, filter: string | undefined): string[] {
    const { rowFilter } = this.#publishedTable(table);
    return [rowFilter, filter].filter((own) => typeof own === 'string').map((own) => `(${own})`);
  }

  async #rows(query: Statement, filter: string | undefined): Promise<RawRows> {
    const rows = new RawRows();
    const add = (bytes: Buffer, start: number) => rows.add(bytes, start);
    await this.#tap.during(DATA_ROW, add, () => this.#query(query, filter));
    return rows;
  }

  /** Uses the extended protocol, which takes one statement only, whatever the text contains. */
  async #query({ text, values }: Statement, filter: string | undefined): Promise<(string | null)[][]> {
    try {
      const query = { text, values: [...values], rowMode: 'array', queryMode: 'extended' };
      return (await this.#client.query<(string | null)[]>(query)).rows;
    } catch (error) {
      throw filter !== undefined && isStatementError(error) ? new FilterError(error) : error;
    }
  }

  #publishedTable(table: CatalogueTable): PublishedTable {
    const published = this.#published.get(quoteTable(table));
    if (published) return published;
    throw new LabError('CDC-1110', `The publication lacks the table ${table.schema}.${table.table}.`, {
      remedy: 'ALTER PUBLICATION … ADD TABLE …, then restart the task.',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disconnect(this.#client);
  }
}
