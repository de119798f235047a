import type { Client } from 'pg';
import { LabError } from '../contract/errors.ts';
import type { Lsn } from '../contract/lsn.ts';
import type { Tuple } from '../contract/pgoutput.ts';
import type { TableDescription } from '../contract/table.ts';
import { type CatalogueTable, describeForSnapshot, lookUpTable, type PublishedTable } from './catalogue.ts';
import type { SourceConfig } from './config.ts';
import { connect, disconnect } from './connection.ts';
import { createSlot } from './slot.ts';
import { quoteIdentifier, quoteLiteral, quoteTable } from './sql.ts';

/** Rows of a table in one piece, and where the next piece begins. */
export interface Chunk {
  readonly rows: readonly Tuple[];
  /** Key of its last row, as text; null for a table without primary key. */
  readonly lastKey: string[] | null;
  /** More rows follow. */
  readonly more: boolean;
}

/** A snapshot of the database at a known place of the log: one REPEATABLE READ transaction. */
export class SnapshotReader implements AsyncDisposable {
  /** Transactions that committed before it are in the snapshot, all others are not. */
  readonly consistentPoint: Lsn;
  readonly #client: Client;
  readonly #published: ReadonlyMap<string, PublishedTable>;
  #takenAtUs = 0n;
  #cursor: string | undefined;

  private constructor(client: Client, consistentPoint: Lsn, published: readonly PublishedTable[]) {
    this.#client = client;
    this.consistentPoint = consistentPoint;
    this.#published = new Map(published.map((table) => [quoteTable(table), table]));
  }

  /** When the snapshot was opened, by the database's clock. */
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
      const reader = new SnapshotReader(client, slot.consistentPoint, published);
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
   * Opens a snapshot of now, and its place in the log with it, by way of a temporary slot:
   * `pg_current_wal_lsn()` can be later than a commit that is not visible yet.
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
      // The temporary slot goes with its connection; the transaction keeps the snapshot.
      await disconnect(replication);
    }
  }

  /**
   * Locks the tables against DDL until the end. Returns those that exist.
   * @throws where one was rewritten or truncated since the snapshot was exported: the snapshot sees it empty.
   */
  async lock(
    tables: readonly { readonly schema: string; readonly table: string }[],
  ): Promise<CatalogueTable[]> {
    const found: CatalogueTable[] = [];
    for (const name of tables) {
      const table = await lookUpTable(this.#client, name.schema, name.table);
      if (table === undefined) continue;
      await this.#client.query(`LOCK TABLE ONLY ${quoteTable(table)} IN ACCESS SHARE MODE`);
      const { rows } = await this.#client.query<{ same: string }>(
        `SELECT c.relfilenode = COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0) AS same
         FROM pg_catalog.pg_class c WHERE c.oid = $1 AND c.relkind = 'r'`,
        [table.relationOid],
      );
      if (rows[0]?.same === 'f') {
        throw new Error(
          `${name.schema}.${name.table} was rewritten while its snapshot was taken; it is taken again.`,
        );
      }
      found.push(table);
    }
    return found;
  }

  /** The table as this snapshot's rows have it. @throws LabError where the publication lacks it. */
  describe(table: CatalogueTable): TableDescription {
    return describeForSnapshot(table, this.#publishedTable(table).columns);
  }

  async hasRows(table: CatalogueTable): Promise<boolean> {
    const { rowFilter } = this.#publishedTable(table);
    const where = rowFilter === null ? '' : ` WHERE (${rowFilter})`;
    const { rows } = await this.#client.query(`SELECT 1 FROM ONLY ${quoteTable(table)}${where} LIMIT 1`);
    return rows.length > 0;
  }

  /** The next rows after a key, at most `limit`. Values are the text that pgoutput would send. */
  async read(
    table: CatalogueTable,
    columns: readonly string[],
    afterKey: readonly string[] | null,
    limit: number,
  ): Promise<Chunk> {
    const select = this.#select(table, columns);
    if (table.key.length === 0) return await this.#readCursor(select, limit);
    const key = table.key.map(quoteIdentifier).join(', ');
    const conditions: string[] = [];
    const { rowFilter } = this.#publishedTable(table);
    if (rowFilter !== null) conditions.push(`(${rowFilter})`);
    if (afterKey !== null) conditions.push(`(${key}) > (${afterKey.map((_, i) => `$${i + 1}`).join(', ')})`);
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    const { rows } = await this.#client.query<(string | null)[]>({
      text: `${select}${where} ORDER BY ${key} LIMIT ${limit + 1}`,
      values: afterKey === null ? [] : [...afterKey],
      rowMode: 'array',
    });
    const more = rows.length > limit;
    const taken = more ? rows.slice(0, limit) : rows;
    const last = taken.at(-1);
    const indexes = table.key.map((name) => columns.indexOf(name));
    return { rows: taken, more, lastKey: last ? indexes.map((i) => last[i] ?? '') : null };
  }

  /** A table without key is read by cursor, and from its start again after a crash. */
  async #readCursor(select: string, limit: number): Promise<Chunk> {
    if (this.#cursor !== select) {
      if (this.#cursor !== undefined) await this.#client.query('CLOSE chunks');
      await this.#client.query(`DECLARE chunks NO SCROLL CURSOR FOR ${select}`);
      this.#cursor = select;
    }
    const { rows } = await this.#client.query<(string | null)[]>({
      text: `FETCH ${limit} FROM chunks`,
      rowMode: 'array',
    });
    return { rows, more: rows.length === limit, lastKey: null };
  }

  #select(table: CatalogueTable, columns: readonly string[]): string {
    const { rowFilter } = this.#publishedTable(table);
    const where = table.key.length === 0 && rowFilter !== null ? ` WHERE (${rowFilter})` : '';
    return `SELECT ${columns.map(quoteIdentifier).join(', ')} FROM ONLY ${quoteTable(table)}${where}`;
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
