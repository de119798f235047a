import { isAscii, isUtf8 } from 'node:buffer';
import type { Client } from 'pg';
import type { LabError } from '../../contract/errors.ts';
import type { DecodePgOutput, PgOutputMessage, RelationMessage } from '../../contract/pgoutput.ts';
import { unlessAborted } from '../../contract/wake.ts';
import type { SourceConfig } from '../config/source-config.ts';
import { lookUpTable } from './catalogue.ts';
import { connect, disconnect } from './connection.ts';
import { conditionOf, damagedText, type KeyValue, type Place } from './damaged-text-error.ts';
import { quoteIdentifier, quoteLiteral, quoteTable, type TableName } from './sql.ts';

/** Changes to look at, in growing steps: the damaged one is usually among the first that the slot still holds. */
const STEPS = [1, 10_000, 1_000_000];
/** Bounds each statement that looks for the text. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** How soon a statement ends at the server once its connection is closed. */
const NOTICED_WITHIN_MS = 500;

/** A column's value in the encoding of the database; undefined if it was not sent. */
type Bytes = Buffer | null | undefined;

/** The connection that looks for the text. */
interface Server {
  readonly client: Client;
  /** The encoding of the database, as PostgreSQL names it. */
  readonly encoding: string;
}

/**
 * True if PostgreSQL refused to send a text because it has no UTF-8 form: 22021 from a database with the encoding
 * SQL_ASCII, which holds any bytes; 22P05 for a character that Unicode lacks.
 */
export function isDamagedText(error: unknown): boolean {
  return ['22021', '22P05'].includes(String((error as { code?: unknown } | null)?.code));
}

/**
 * The error of a stream, with the place of the text. PostgreSQL names the change's LSN only: the changes are read again
 * from the slot, which must be free, without conversion. Once the signal aborts, the place is left out.
 * @param decode Must decode texts as Latin-1.
 */
export async function explainStream(
  error: Error,
  config: SourceConfig,
  decode: DecodePgOutput | undefined,
  signal: AbortSignal,
): Promise<LabError> {
  const lsn = /([0-9A-F]+\/[0-9A-F]+)\W*$/.exec(String((error as { where?: unknown }).where))?.[1];
  if (lsn === undefined || decode === undefined) return damagedText(error, undefined, true);
  const look = (server: Server) => findChange(server, config, lsn, decode);
  return damagedText(error, await withServer(config, look, signal), true);
}

/** The error of a snapshot's query, with the first row and column of its rows that has such a text. */
export async function explainQuery(
  error: Error,
  config: SourceConfig,
  table: TableName & { readonly key: readonly string[] },
  columns: readonly string[],
  query: { readonly text: string; readonly values: readonly string[] },
): Promise<LabError> {
  const place = await withServer(config, async (server) => {
    const list = columns.map((name) => bytesOf(quoteIdentifier(name))).join(', ');
    const { rows } = await server.client.query<(string | null)[]>({
      ...{ text: `SELECT ${list} FROM (${query.text}) AS r`, rowMode: 'array', values: [...query.values] },
    });
    for (const values of rows) {
      const row = values.map((hex) => (hex === null ? null : Buffer.from(hex, 'hex')));
      const place = await placeIn(server, table, columns, row, table.key);
      if (place !== undefined) return place;
    }
    return undefined;
  });
  const { schema, table: name } = table;
  return damagedText(error, place ?? { schema, table: name }, false);
}

async function findChange(
  server: Server,
  config: SourceConfig,
  lsn: string,
  decode: DecodePgOutput,
): Promise<Place | undefined> {
  for (const most of STEPS) {
    const relations = new Map<number, RelationMessage>();
    for (const { data, isThere } of await peek(server, config, lsn, most)) {
      const message = decode(data);
      if (message.tag === 'relation') relations.set(message.relationOid, message);
      if (!isThere || !('relationOid' in message)) continue;
      const relation = relations.get(message.relationOid);
      const place = relation && (await placeInChange(server, relation, message));
      if (place !== undefined) return place;
    }
  }
  return undefined;
}

/** The changes at this LSN and the Relation messages before them, in the encoding of the database. */
async function peek({ client }: Server, config: SourceConfig, lsn: string, most: number) {
  await client.query("SET client_encoding = 'SQL_ASCII'");
  const { rows } = await client.query<{ data: string; there: string }>(
    `SELECT data, lsn = $3::pg_lsn AS there
     FROM pg_catalog.pg_logical_slot_peek_binary_changes($1, NULL, $2::int,
       'proto_version', '1', 'publication_names', ${quoteLiteral(quoteIdentifier(config.publication.name))})
     WHERE lsn = $3::pg_lsn OR pg_catalog.get_byte(data, 0) = 82 -- R, a Relation message`,
    [config.slot.name, most, lsn],
  );
  await client.query("SET client_encoding = 'UTF8'");
  return rows.map(({ data, there }) => ({
    data: Buffer.from(data.slice(2), 'hex'),
    isThere: there === 't',
  }));
}

async function placeInChange(
  server: Server,
  relation: RelationMessage,
  change: PgOutputMessage,
): Promise<Place | undefined> {
  const text = async (latin1: string) => (await textOf(server, Buffer.from(latin1, 'latin1'))) ?? latin1;
  const named = { schema: await text(relation.schema), table: await text(relation.table) };
  const columns: string[] = [];
  for (const { name } of relation.columns) columns.push(await text(name));
  const now = await lookUpTable(server.client, named.schema, named.table);
  const tuples = ['after' in change ? change.after : null, 'before' in change ? change.before : null].filter(
    (tuple) => tuple !== null,
  );
  for (const tuple of tuples) {
    const row = tuple.map((value) => {
      if (value === null) return null;
      return typeof value === 'string' ? Buffer.from(value, 'latin1') : undefined;
    });
    const place = await placeIn(server, named, columns, row, now?.key ?? []);
    if (place !== undefined) return place;
  }
  return undefined;
}

/** Where a row has such a text; undefined if PostgreSQL can send all of it. */
async function placeIn(
  server: Server,
  { schema, table }: TableName,
  columns: readonly string[],
  row: readonly Bytes[],
  key: readonly string[],
): Promise<Place | undefined> {
  for (const [i, bytes] of row.entries()) {
    if (!bytes || (await textOf(server, bytes)) !== undefined) continue;
    const place = { schema, table, column: columns[i], key: await keyOf(server, columns, row, key) };
    return { ...place, update: await updateFor(server, place) };
  }
  return undefined;
}

async function keyOf(
  server: Server,
  columns: readonly string[],
  row: readonly Bytes[],
  key: readonly string[],
): Promise<Place['key']> {
  const values: KeyValue[] = [];
  for (const name of key) {
    const bytes = row[columns.indexOf(name)];
    if (!bytes) return undefined;
    values.push({ name, bytes, text: await textOf(server, bytes) });
  }
  return values.length === 0 ? undefined : values;
}

/**
 * Whether an UPDATE that takes the text for Latin-1 may be printed: it would spoil a text that is right. The row may have
 * been corrected since the change was written.
 */
async function updateFor(server: Server, place: Place): Promise<Place['update']> {
  if (server.encoding !== 'SQL_ASCII' || place.column === undefined) return 'unsuitable';
  // Without a key, the row has to be found by the reader.
  if (place.key === undefined) return 'suitable';
  try {
    const { rows } = await server.client.query<{ hex: string | null }>(
      `SELECT ${bytesOf(quoteIdentifier(place.column))} AS hex FROM ${quoteTable(place)} WHERE ${conditionOf(place.key)}`,
    );
    for (const { hex } of rows) {
      if ((await textOf(server, Buffer.from(hex ?? '', 'hex'))) === undefined) return 'suitable';
    }
    return 'done';
  } catch {
    // Such as a user who may stream the table, and not read it.
    return 'unsuitable';
  }
}

/** An expression for a column's text as hexadecimal digits of its bytes. */
function bytesOf(column: string): string {
  return `pg_catalog.encode(pg_catalog.convert_to(${column}::pg_catalog.text, 'SQL_ASCII'), 'hex')`;
}

/** The text that PostgreSQL sends for these bytes; undefined if it refuses to. U+FFFD by itself is no damage. */
async function textOf({ client, encoding }: Server, bytes: Buffer): Promise<string | undefined> {
  if (isAscii(bytes) || (encoding === 'SQL_ASCII' && isUtf8(bytes))) return bytes.toString();
  try {
    const { rows } = await client.query<{ hex: string }>(
      `SELECT pg_catalog.encode(pg_catalog.convert($1::bytea, $2::name, 'UTF8'), 'hex') AS hex`,
      [bytes, encoding],
    );
    return Buffer.from(rows[0]?.hex ?? '', 'hex').toString();
  } catch (error) {
    if (isDamagedText(error)) return undefined;
    throw error;
  }
}

/** Undefined if the work fails, or the signal aborts. */
async function withServer<T>(
  config: SourceConfig,
  work: (server: Server) => Promise<T>,
  signal: AbortSignal = new AbortController().signal,
): Promise<T | undefined> {
  let client: Client | undefined;
  try {
    client = await connect(config, 'sql', 'damaged text');
    // The second setting is there since PostgreSQL 14.
    const { rows } = await client.query<{ encoding: string }>(
      `SELECT pg_catalog.getdatabaseencoding() AS encoding, pg_catalog.set_config('statement_timeout', $1, false),
        (SELECT pg_catalog.set_config(name, $2, false) FROM pg_catalog.pg_settings
         WHERE name = 'client_connection_check_interval')`,
      [STATEMENT_TIMEOUT_MS, NOTICED_WITHIN_MS],
    );
    return await unlessAborted(work({ client, encoding: rows[0]?.encoding ?? '' }), signal);
  } catch {
    // The place only adds to the original error, which is reported in any case.
    return undefined;
  } finally {
    await disconnect(client);
  }
}
