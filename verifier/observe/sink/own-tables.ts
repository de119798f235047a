import { METADATA_COLUMNS } from '../../../pipeline/contract/sink-tables.ts';
import { type Database, ident } from '../../connection/postgres.ts';
import type { Table } from '../source/catalogue.ts';

/** What a column of the lab's sink holds. */
type Holds = 'text' | 'number' | 'time';

/** Names of the types in which it may be held, as `pg_type.typname` has them. */
const TYPES: Readonly<Record<Holds, readonly string[]>> = {
  text: ['text', 'varchar', 'bpchar', 'name'],
  number: ['int2', 'int4', 'int8', 'numeric'],
  time: ['timestamptz', 'timestamp'],
};

const COLUMNS_SQL = `
  SELECT a.attname AS name, t.typname AS type FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`;

/**
 * One of the tables that the lab's sink keeps for itself, told by its shape: a pipeline of somebody else may have a
 * table of that name for a purpose of its own.
 * @param needs Columns that will be read, with what they must hold.
 * @returns the quoted name; null if the sink has no such table, or one of another shape.
 */
export async function ownTable(
  sink: Database,
  schema: string,
  name: string,
  needs: Readonly<Record<string, Holds>>,
  limitMs?: number,
): Promise<string | null> {
  const quoted = `${ident(schema)}.${ident(name)}`;
  const types = await columnTypes(sink, quoted, limitMs);
  const fits = Object.entries(needs).every(([column, holds]) => isOf(holds, types.get(column)));
  return fits ? quoted : null;
}

/** Types of a table's columns by their names; empty if there is no such table. @param quoted Its quoted name. */
export async function columnTypes(
  sink: Database,
  quoted: string,
  limitMs?: number,
): Promise<ReadonlyMap<string, string>> {
  const rows = await sink.query(COLUMNS_SQL, [quoted], limitMs);
  return new Map(rows.map((row) => [row.name ?? '', row.type ?? '']));
}

const METADATA: Readonly<Record<keyof typeof METADATA_COLUMNS, Holds>> = {
  op: 'text',
  lsn: 'text',
  position: 'text',
  sourceTs: 'time',
  capturedAt: 'time',
  receivedAt: 'time',
};

/** Whether each row of a copy carries this of the event that wrote it: a column of that name and with that content. */
export function keepsMetadata({ columns }: Table, what: keyof typeof METADATA_COLUMNS): boolean {
  return columns.some(({ name, type }) => name === METADATA_COLUMNS[what] && isOf(METADATA[what], type));
}

export function isOf(holds: Holds, type: string | undefined): boolean {
  return type !== undefined && TYPES[holds].includes(type);
}
