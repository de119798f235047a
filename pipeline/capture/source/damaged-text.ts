import type { Client } from 'pg';
import { LabError, messageOf } from '../../contract/errors.ts';
import type { DecodePgOutput, RelationMessage, Tuple } from '../../contract/pgoutput.ts';
import { LEAVE_OUT, START_OVER } from '../../contract/remedies.ts';
import type { SourceConfig } from '../config/source-config.ts';
import { lookUpTable } from './catalogue.ts';
import { connect, disconnect } from './connection.ts';
import { quoteIdentifier, quoteLiteral, quoteTable, type TableName } from './sql.ts';

/** What a decoder puts in the place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';
/** Changes to look at, in growing steps: the damaged one is usually among the first that the slot still holds. */
const STEPS = [1, 10_000, 10_000_000];

/** Row and column of a text that cannot be sent as UTF-8. */
interface Place extends TableName {
  readonly column: string | undefined;
  /** The row's key, as names and texts; undefined if the table has none. */
  readonly key: Readonly<Record<string, string>> | undefined;
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
 * from the slot, which must be free, without conversion.
 * @param decode Must replace damaged bytes.
 */
export async function explainStream(
  error: Error,
  config: SourceConfig,
  decode: DecodePgOutput | undefined,
): Promise<LabError> {
  const lsn = /([0-9A-F]+\/[0-9A-F]+)\W*$/.exec(String((error as { where?: unknown }).where))?.[1];
  if (lsn === undefined || decode === undefined) return damagedText(error, undefined, true);
  const place = await withBytes(config, (client) => findChange(client, config, lsn, decode));
  return damagedText(error, place, true);
}

/** The error of a snapshot's query, with the first row and column of its rows that has such a text. */
export async function explainQuery(
  error: Error,
  config: SourceConfig,
  table: TableName & { readonly key: readonly string[] },
  columns: readonly string[],
  query: { readonly text: string; readonly values: readonly string[] },
): Promise<LabError> {
  const { schema, table: name } = table;
  const unknown: Place = { schema, table: name, column: undefined, key: undefined };
  const place = await withBytes(config, async (client) => {
    const { rows } = await client.query<(string | null)[]>({
      ...{ text: query.text, rowMode: 'array', values: [...query.values] },
    });
    const row = rows.find((values) => values.some((value) => value?.includes(REPLACEMENT)));
    return row && placeOf(table, columns, row, table.key);
  });
  return damagedText(error, place ?? unknown, false);
}

async function findChange(
  client: Client,
  config: SourceConfig,
  lsn: string,
  decode: DecodePgOutput,
): Promise<Place | undefined> {
  for (const most of STEPS) {
    const { rows } = await client.query<{ data: string; there: string }>(
      `SELECT data, lsn = $3::pg_lsn AS there
       FROM pg_catalog.pg_logical_slot_peek_binary_changes($1, NULL, $2::int,
         'proto_version', '1', 'publication_names', ${quoteLiteral(quoteIdentifier(config.publication.name))})
       WHERE lsn = $3::pg_lsn OR pg_catalog.get_byte(data, 0) = 82 -- R, a Relation message`,
      [config.slot.name, most, lsn],
    );
    const relations = new Map<number, RelationMessage>();
    for (const { data, there } of rows) {
      const message = decode(Buffer.from(data.slice(2), 'hex'));
      if (message.tag === 'relation') relations.set(message.relationOid, message);
      if (there !== 't' || !('relationOid' in message)) continue;
      const relation = relations.get(message.relationOid);
      const tuples = [
        'after' in message ? message.after : null,
        'before' in message ? message.before : null,
      ].filter((tuple) => tuple !== null);
      const damaged = tuples.find((tuple) => tuple.some(isReplaced));
      if (relation === undefined || damaged === undefined) continue;
      const now = await lookUpTable(client, relation.schema, relation.table);
      const columns = relation.columns.map(({ name }) => name);
      return placeOf(relation, columns, damaged, now?.key ?? []);
    }
  }
  return undefined;
}

function isReplaced(value: unknown): boolean {
  return typeof value === 'string' && value.includes(REPLACEMENT);
}

function placeOf(
  { schema, table }: TableName,
  columns: readonly string[],
  row: Tuple,
  key: readonly string[],
): Place {
  const values = key.map((name) => [name, String(row[columns.indexOf(name)] ?? '')] as const);
  return {
    ...{ schema, table },
    column: columns[row.findIndex(isReplaced)],
    key: values.length === 0 ? undefined : Object.fromEntries(values),
  };
}

/** Works without conversion: the server sends all bytes, and the client replaces those that are not UTF-8. */
async function withBytes<T>(
  config: SourceConfig,
  work: (client: Client) => Promise<T>,
): Promise<T | undefined> {
  let client: Client | undefined;
  try {
    client = await connect(config, 'sql', 'damaged text');
    await client.query("SET client_encoding = 'SQL_ASCII'");
    return await work(client);
  } catch {
    // The place only adds to the original error, which is reported in any case.
    return undefined;
  } finally {
    await disconnect(client);
  }
}

function damagedText(cause: Error, place: Place | undefined, isInWal: boolean): LabError {
  const again = isInWal ? ` The WAL keeps the change, too: ${START_OVER}.` : ' Then restart the task.';
  if (place?.column === undefined) {
    const where = place === undefined ? 'The source' : `${place.schema}.${place.table}`;
    return new LabError('CDC-1035', `${where} has a text that is not UTF-8: ${messageOf(cause)}.`, {
      cause,
      remedy: `Correct the value at the source, or ${LEAVE_OUT}.${again}`,
    });
  }
  const column = quoteIdentifier(place.column);
  const row = place.key === undefined ? '' : ` (row ${JSON.stringify(place.key)})`;
  const condition = Object.entries(place.key ?? {})
    .map(([name, value]) => `${quoteIdentifier(name)} = ${quoteLiteral(value)}`)
    .join(' AND ');
  return new LabError(
    'CDC-1035',
    `Column ${place.column} of ${place.schema}.${place.table}${row} has a text that is not UTF-8: ${messageOf(cause)}.`,
    {
      cause,
      remedy:
        `Correct it at the source. If it is Latin-1: UPDATE ${quoteTable(place)} SET ${column} = convert_from(convert(` +
        `convert_to(${column}, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'SQL_ASCII') WHERE ${condition === '' ? '…' : condition}.` +
        again,
    },
  );
}
