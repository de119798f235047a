import { UNAVAILABLE_VALUE } from '../../pipeline/contract/envelope.ts';
import { messageOf } from '../../pipeline/contract/errors.ts';
import {
  bookedName,
  METADATA_COLUMNS,
  STATS_TABLE,
  TOMBSTONES_TABLE,
  TRUNCATES_TABLE,
} from '../../pipeline/contract/sink-tables.ts';
import { pairTables } from '../compare/table-pair.ts';
import { type Database, ident, type Row } from '../connection/postgres.ts';
import { keepsMetadata, ownTable } from '../observe/sink/own-tables.ts';
import { isBorrowed, relationOf, type Table } from '../observe/source/catalogue.ts';
import { NoSuchRowError } from './parse-key.ts';
import { isOfSecondReading, type RowLife, type SinkState, type StoredRow } from './row-life.ts';

/** The placeholder as text, and as the text of a bytea. */
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  UNAVAILABLE_VALUE,
  `\\x${Buffer.from(UNAVAILABLE_VALUE).toString('hex')}`,
]);

type Key = Readonly<Record<string, string>>;

/** The most rows of one key that are read: a sink without primary key may hold many. */
const MAX_ROWS = 20;

/**
 * The key as PostgreSQL prints it: `A0EE…` and `a0ee…` are the same uuid.
 * @throws NoSuchRowError if a value is not valid for its column's type.
 */
export async function canonicalKey(source: Database, table: Table, key: Key): Promise<Key> {
  const canonical: Record<string, string> = {};
  for (const { name, cast } of table.key) {
    try {
      const row = await source.one(`SELECT ($1::text::${cast})::text AS value`, [key[name]]);
      canonical[name] = row.value ?? '';
    } catch (cause) {
      const why = messageOf(cause);
      if (!source.isOpen || !/invalid|out of range|too long/.test(why)) throw cause;
      throw new NoSuchRowError(
        `"${key[name]}" is not a valid ${cast}, which is the type of ${name}.`,
        'Give a key that the table can contain.',
      );
    }
  }
  return canonical;
}

export interface RowReading {
  readonly row: StoredRow;
  /** Canonical text of each column, by the source's name, to find the columns that differ. */
  readonly texts: Readonly<Record<string, string | null>>;
}

export interface RowOptions {
  readonly versionColumn: string;
  readonly values: boolean;
}

/** Reads the rows of a key on one side, with values as the canonical text in which the two sides can be compared. */
export async function readRows(
  database: Database,
  tables: { readonly source: Table; readonly sink: Table | undefined },
  key: Key,
  { versionColumn, values }: RowOptions,
): Promise<readonly RowReading[]> {
  const { side } = database;
  const table = side === 'source' ? tables.source : tables.sink;
  if (table === undefined) return [];
  const pair = pairTables(tables.source, tables.sink);
  const shared = pair.columns.filter(({ types }) => side === 'source' || types !== 'absent');
  const metadata = (Object.keys(METADATA_COLUMNS) as (keyof typeof METADATA_COLUMNS)[])
    .filter((what) => side === 'sink' && keepsMetadata(table, what))
    .map((what) => METADATA_COLUMNS[what]);
  const selected = [
    ...shared.map((column, i) => `${side === 'source' ? column.sourceText : column.sinkText} AS "c${i}"`),
    ...metadata.map((name) => `${ident(name)}::text AS ${ident(name)}`),
  ];
  const where = table.key.length > 0 ? table.key : tables.source.key;
  // The pinned search path does not have the operators of an extension's type.
  const conditions = where.map((column, i) =>
    isBorrowed(column)
      ? `${ident(column.name)}::text = $${i + 1}::text`
      : `${ident(column.name)} = $${i + 1}::text::${column.cast}`,
  );
  const rows = await database.query(
    `SELECT ${selected.join(', ')} FROM ${relationOf(table)} AS read WHERE ${conditions.join(' AND ')} LIMIT ${MAX_ROWS}`,
    where.map(({ name }) => key[name]),
  );
  return rows.map((row) => {
    const texts = Object.fromEntries(shared.map((column, i) => [column.source.name, row[`c${i}`] ?? null]));
    return { texts, row: standing(texts, picked(row, metadata), { versionColumn, values }) };
  });
}

function standing(
  texts: RowReading['texts'],
  metadata: Record<string, string | null>,
  { versionColumn, values }: RowOptions,
): StoredRow {
  const version = Number(texts[versionColumn] ?? Number.NaN);
  const own = { version: Number.isSafeInteger(version) ? version : null, metadata };
  return values ? { ...own, values: texts } : own;
}

function picked(row: Row, names: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
}

/** The reading of the source with which the sink's row is compared. */
export function comparedReading(
  { before, after }: { readonly before: RowReading | undefined; readonly after: RowReading | undefined },
  sink: RowReading | undefined,
): RowReading | undefined {
  return isOfSecondReading(sink?.row, after?.row) ? after : before;
}

/**
 * Columns whose values differ between source and sink; empty if a side has no row, or several.
 * {@link isOfSecondReading} decides which reading of the source counts.
 */
export function differingColumns(
  { before, after }: { readonly before: RowReading | undefined; readonly after: RowReading | undefined },
  sink: readonly RowReading[],
): readonly string[] {
  const [theirs] = sink;
  const ours = comparedReading({ before, after }, theirs);
  if (ours === undefined || theirs === undefined || sink.length > 1) return [];
  // In a column that the sink lacks, every value but NULL is lost.
  return Object.keys(ours.texts).filter((name) => (theirs.texts[name] ?? null) !== ours.texts[name]);
}

/**
 * Why columns differ: the sink lacks them, no record has them, or the sink shows the capture's placeholder in them.
 * @param sent Columns that records of the topic have; null if that is not known.
 */
export function causesOf(
  columns: readonly string[],
  sink: RowReading | undefined,
  sent: ReadonlySet<string> | null = null,
): Required<Pick<RowLife, 'lacking' | 'unsent' | 'placeholders'>> {
  const texts = sink?.texts ?? {};
  return {
    lacking: sink === undefined ? [] : columns.filter((name) => !(name in texts)),
    unsent: sent === null ? [] : columns.filter((name) => !sent.has(name)),
    placeholders: columns.filter((name) => PLACEHOLDERS.has(texts[name] ?? '')),
  };
}

/**
 * Whether the row changed between two readings in such a way that the sink, read in between, cannot be compared with
 * either. A version that only increased is no such change.
 */
export function hasMoved(before: RowReading | undefined, after: RowReading | undefined): boolean {
  if (before === undefined || after === undefined) return before !== after;
  const [earlier, later] = [before.row.version, after.row.version];
  if (earlier !== null && later !== null && earlier !== later) return later < earlier;
  return Object.keys(before.texts).some((name) => before.texts[name] !== after.texts[name]);
}

/** Reads what the sink records besides its rows: the delete of the key, the TRUNCATE of the table, what it suppressed. */
export async function readSinkMarks(
  sink: Database,
  table: Table | undefined,
  place: { readonly schema: string; readonly keyTexts: readonly string[] },
): Promise<Omit<SinkState, 'rows'>> {
  const keepsPositions = table !== undefined && keepsMetadata(table, 'position');
  const marks = { tombstone: null, truncate: null, keepsPositions };
  if (table === undefined || !keepsPositions) return marks;
  const rowsOf = async (
    name: string,
    needs: Parameters<typeof ownTable>[3],
    sql: string,
    values: readonly unknown[],
  ) => {
    const whole = await ownTable(sink, place.schema, name, needs);
    return whole === null ? [] : await sink.query(sql.replace('FROM _', `FROM ${whole}`), values);
  };
  const at = async (...asked: Parameters<typeof rowsOf>) => {
    const [row] = await rowsOf(...asked);
    return row === undefined ? null : { position: row.position ?? '', at: isoOf(row.at ?? '') };
  };
  const booked = bookedName(table.schema, table.name);
  // As the sink writes a key: the value of a single column, or a JSON array of several.
  const [only, ...more] = place.keyTexts;
  const keyText = only !== undefined && more.length === 0 ? only : JSON.stringify(place.keyTexts);
  const totals = await rowsOf(
    STATS_TABLE,
    { table_name: 'text', topic: 'text', partition: 'number', suppressed: 'number' },
    `SELECT topic || '/' || partition AS partition, sum(suppressed)::text AS suppressed
     FROM _ WHERE table_name = $1 GROUP BY 1`,
    [booked],
  );
  const suppressed = totals.map((row) => [row.partition ?? '', Number(row.suppressed)] as const);
  return {
    keepsPositions,
    suppressed: new Map(suppressed),
    tombstone: await at(
      TOMBSTONES_TABLE,
      { table_name: 'text', key: 'text', position: 'text', deleted_at: 'time' },
      'SELECT position, deleted_at::text AS at FROM _ WHERE table_name = $1 AND key = $2',
      [booked, keyText],
    ),
    truncate: await at(
      TRUNCATES_TABLE,
      { table_name: 'text', position: 'text', truncated_at: 'time' },
      'SELECT position, truncated_at::text AS at FROM _ WHERE table_name = $1',
      [booked],
    ),
  };
}

/** Converts a UTC time as PostgreSQL prints it, `2026-11-21 15:48:26.12+00`, to ISO 8601. */
export function isoOf(text: string): string {
  const date = new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}
