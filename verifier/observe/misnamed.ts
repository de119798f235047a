import { nearest } from '../../pipeline/contract/nearest.ts';
import type { Database } from '../connection/postgres.ts';
import { idOfRow, parseTable } from '../table-id.ts';
import { copyNameOf, type Naming } from './sink/copy-shape.ts';
import { readCatalogue, type Table } from './source/catalogue.ts';

/** What one database has, to look a configured name up in. */
export interface Names {
  readonly tables: ReadonlyMap<string, Table>;
  /** Kinds of all relations by their ids, those that are never compared included: a view, a partition, … */
  readonly kinds: ReadonlyMap<string, string>;
}

/** How the person who reads the message gave the names. */
export interface NamePaths {
  readonly tables: string;
  readonly excludeTables: string;
  readonly tableMap: string;
  readonly columnMap: string;
}
/** Names in a configuration file. */
export const KEYS: NamePaths = {
  tables: 'tables',
  excludeTables: 'excludeTables',
  tableMap: 'tableMap',
  columnMap: 'columnMap',
};
/** Names on the command line. */
export const FLAGS: NamePaths = {
  tables: '--tables',
  excludeTables: '--exclude-tables',
  tableMap: '--map',
  columnMap: '--map',
};

/** The signal table is excluded by default, whether a source has it or not. */
const SIGNAL_TABLE = 'public.debezium_signal';

const KINDS_SQL = `
  SELECT n.nspname AS schema, c.relname AS name,
         CASE WHEN c.relispartition THEN 'a partition'
              WHEN c.relkind IN ('r', 'p') THEN
                CASE c.relpersistence WHEN 'u' THEN 'an unlogged table' WHEN 't' THEN 'a temporary table' ELSE 'a table' END
              WHEN c.relkind = 'v' THEN 'a view'
              WHEN c.relkind = 'm' THEN 'a materialized view'
              ELSE 'a foreign table' END AS kind
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'`;

/** Both readings that names are looked up in. */
export async function readNames(database: Database): Promise<Names> {
  return { tables: await readCatalogue(database), kinds: await readKinds(database) };
}

/** The kind of every relation of a database, by its id. */
export async function readKinds(database: Database): Promise<ReadonlyMap<string, string>> {
  const rows = await database.query(KINDS_SQL);
  return new Map(rows.map(({ schema, name, kind }) => [idOfRow(schema, name), kind ?? '']));
}

/**
 * The table that was probably meant: the one with a similar name, or else one of the same name in another schema.
 */
export function nearestTable(wanted: string, known: readonly string[]): string | undefined {
  const name = parseTable(wanted)?.name;
  return nearest(wanted, known) ?? known.find((id) => parseTable(id)?.name === name);
}

/** `: did you mean public.orders?`, or a full stop. */
export function orNearest(candidate: string | undefined): string {
  return candidate === undefined ? '.' : `: did you mean ${candidate}?`;
}

/** One sentence for each listed table that the source does not have, or that is not a table. */
export function misnamedTables({ tables }: Naming, source: Names, paths: NamePaths): string[] {
  return (tables ?? [])
    .filter((id) => !source.tables.has(id))
    .map((id) => sentence(`${paths.tables} names ${id}`, id, { names: source, side: 'source' }));
}

/** One sentence for each exclusion and each mapped name that the source does not have: they have no effect. */
export function misnamedAtSource(config: Naming, source: Names, paths: NamePaths): string[] {
  const where = { names: source, side: 'source' as const };
  // An excluded view is an exclusion that is not needed, but not a slip.
  const excluded = config.excludeTables
    .filter((id) => !source.kinds.has(id) && (paths === FLAGS || id !== SIGNAL_TABLE))
    .map((id) => sentence(`${paths.excludeTables} names ${id}`, id, where));
  const mapped = Object.keys(config.tableMap)
    .filter((id) => !source.tables.has(id))
    .map((id) => sentence(`${paths.tableMap} names ${id}`, id, where));
  const columns = Object.entries(config.columnMap).flatMap(([id, pairs]) => {
    const table = source.tables.get(id);
    if (table === undefined) return [sentence(`${paths.columnMap} names ${id}`, id, where)];
    const known = [...table.columns.map(({ name }) => name), ...table.generated];
    return misnamedColumns(
      Object.keys(pairs),
      known,
      `${paths.columnMap} names column`,
      `of ${id}`,
      'source',
    );
  });
  return [...new Set([...excluded, ...mapped, ...columns])];
}

/** One sentence for each mapped name that the sink does not have. */
export function misnamedAtSink(
  config: Naming,
  { source, sink }: { readonly source: Names; readonly sink: Names },
  paths: NamePaths,
): string[] {
  const tables = Object.keys(config.tableMap)
    .filter((id) => source.tables.has(id))
    .map((id) => ({ id, copy: copyNameOf(config, source.tables.get(id), id) }))
    .filter(({ copy }) => !sink.kinds.has(copy))
    .map(({ id, copy }) =>
      sentence(`${paths.tableMap} maps ${id} to ${copy}`, copy, { names: sink, side: 'sink' }),
    );
  const columns = Object.entries(config.columnMap).flatMap(([id, pairs]) => {
    const copy = sink.tables.get(copyNameOf(config, source.tables.get(id), id));
    if (copy === undefined) return [];
    const known = [...copy.columns.map(({ name }) => name), ...copy.generated];
    return misnamedColumns(
      Object.values(pairs),
      known,
      `${paths.columnMap} names column`,
      `of ${copy.id}`,
      'sink',
    );
  });
  return [...tables, ...columns];
}

function misnamedColumns(
  named: readonly string[],
  known: readonly string[],
  start: string,
  of: string,
  side: 'source' | 'sink',
): string[] {
  return named
    .filter((column) => !known.includes(column))
    .map(
      (column) =>
        `${start} ${column} ${of}, which the ${side} does not have${orNearest(nearest(column, known))}`,
    );
}

function sentence(
  start: string,
  id: string,
  { names, side }: { readonly names: Names; readonly side: 'source' | 'sink' },
): string {
  const kind = names.kinds.get(id);
  if (kind !== undefined) return `${start}, which is ${kind} at the ${side} and is not compared.`;
  return `${start}, which the ${side} does not have${orNearest(nearestTable(id, [...names.tables.keys()]))}`;
}
