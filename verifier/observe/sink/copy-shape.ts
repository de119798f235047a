import { LabError } from '../../../pipeline/contract/errors.ts';
import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import type { VerifierConfig } from '../../config.ts';
import { ident } from '../../connection/postgres.ts';
import { parseTable, type TableName, tableId } from '../../table-id.ts';
import { type Column, relationOf, type Table } from '../source/catalogue.ts';
import type { ValueSettings } from '../source/value-settings.ts';

/** The part of a configuration that names tables and columns. */
export type Naming = Pick<VerifierConfig, 'tables' | 'excludeTables' | 'tableMap' | 'columnMap'> & {
  readonly sink: Pick<VerifierConfig['sink'], 'schema' | 'sameSchemas'>;
};

/** How a copy differs from its table on purpose. */
export interface CopyShape {
  /** Name of a source column to its name in the copy, where the names differ. */
  readonly columns: Readonly<Record<string, string>>;
  /** Column by which the copy marks a row as deleted instead of deleting it; ignored if the copy lacks it. */
  readonly softDelete: string | null;
  /** Tables inherit from the source's table, and are compared separately. */
  readonly only?: boolean;
  /** Ids that copies of the source's tables have in the sink: their rows do not count as rows of this copy. */
  readonly apart?: ReadonlySet<string>;
  /** Settings of the capture under which its values are compared; undefined: the source's values are expected as they are. */
  readonly settings?: ValueSettings | undefined;
}

/** How the configuration names the copies of tables; see {@link CopyShape}. */
export function copyNames(naming: Naming, source: ReadonlyMap<string, Table>): ReadonlySet<string> {
  return new Set([...source.values()].map((table) => copyNameOf(naming, table, table.id)));
}

/**
 * The shape that the configuration gives to the copy of a table. A mapped column that the source does not have is ignored:
 * it is reported as a slip (`misnamed.ts`), and must not hide a column of the copy.
 */
export function shapeOf(
  { columnMap, softDelete }: VerifierConfig,
  table: Table,
  apart: ReadonlySet<string>,
): CopyShape {
  const known = new Set([...table.columns.map(({ name }) => name), ...table.generated]);
  const pairs = Object.entries(columnMap[table.id] ?? {}).filter(([ours]) => known.has(ours));
  return { columns: Object.fromEntries(pairs), softDelete, only: table.only, apart };
}

/** The id that the copy of a table has in the sink, by the configuration. */
export function copyNameOf({ tableMap, sink }: Naming, table: TableName | undefined, id: string): string {
  const schema = sink.sameSchemas ? (table?.schema ?? '') : sink.schema;
  const mapped = tableMap[id];
  const copy = mapped === undefined ? undefined : parseTable(mapped, schema);
  return tableId(copy ?? { schema, name: table?.name ?? '' });
}

/** A copy whose values came through a capture with these settings. */
export function underSettings(copy: Table, settings: ValueSettings | undefined): Table {
  if (settings === undefined) return copy;
  const under = (column: Column): Column => ({ ...column, settings });
  return { ...copy, columns: copy.columns.map(under), key: copy.key.map(under) };
}

/**
 * The copy as the comparison sees it: columns have the source's names, and rows marked as deleted are left out.
 * @throws LabError CDC-4064 if the copy lacks a mapped column.
 */
export function reshaped(whole: Table, shape: CopyShape): Table {
  return underSettings(renamed(whole, shape), shape.settings);
}

function renamed(whole: Table, { columns, softDelete, only = false, apart }: CopyShape): Table {
  const copy = withoutOthers({ ...whole, only: only && whole.only }, apart ?? new Set());
  const mark = softDelete === null ? undefined : copy.columns.find(({ name }) => name === softDelete);
  const names = new Map(Object.entries(columns).map(([ours, theirs]) => [theirs, ours]));
  if (mark === undefined && names.size === 0) return copy;
  const known = new Set([...copy.columns.map(({ name }) => name), ...copy.generated]);
  for (const name of names.keys()) {
    if (known.has(name)) continue;
    throw new LabError(
      'CDC-4064',
      `The copy ${copy.id} has no column ${name}.${didYouMean(name, [...known])}`,
      {
        remedy: 'Correct the map of columns: it names the source column first, then the sink column.',
      },
    );
  }
  // The mapping hides a column of the copy that already has the source column's name.
  const taken = new Set(names.values());
  const isShown = ({ name }: Column) => name !== mark?.name && (names.has(name) || !taken.has(name));
  const named = (column: Column) => ({ ...column, name: names.get(column.name) ?? column.name });
  const shown = copy.columns.filter(isShown);
  const generated = (copy.generatedColumns ?? []).filter(isShown);
  const select = [...shown, ...generated].map(
    ({ name }) => `${ident(name)} AS ${ident(names.get(name) ?? name)}`,
  );
  const where = mark === undefined ? '' : ` WHERE ${alive(mark)}`;
  const all = shown.map(named);
  return {
    ...copy,
    columns: all,
    generated: generated.map((column) => named(column).name),
    generatedColumns: generated.map(named),
    key: all.filter(({ keyRank }) => keyRank > 0).sort((a, b) => a.keyRank - b.keyRank),
    view: `(SELECT tableoid, ctid, xmin, ${select.join(', ')} FROM ${relationOf(copy)} AS whole${where})`,
  };
}

/**
 * Leaves out the rows of heirs that are copies of other tables. The two sides may be joined by different kinds of
 * inheritance: tables of the source may be partitions in the sink.
 */
function withoutOthers(copy: Table, apart: ReadonlySet<string>): Table {
  const others = copy.only ? [] : (copy.heirs ?? []).filter(({ line }) => line.some((id) => apart.has(id)));
  if (others.length === 0) return copy;
  const oids = others.map(({ oid }) => oid).join(', ');
  return {
    ...copy,
    view: `(SELECT tableoid, ctid, xmin, * FROM ${relationOf(copy)} AS whole WHERE tableoid NOT IN (${oids}))`,
  };
}

/** The mark is a flag (a text in Debezium's `__deleted`), or the time of the deletion. */
function alive({ name, type }: Column): string {
  if (type === 'bool') return `${ident(name)} IS NOT TRUE`;
  if (['text', 'varchar', 'bpchar'].includes(type)) {
    return `coalesce(lower(btrim(${ident(name)}::text)), '') NOT IN ('true', 't', '1', 'y', 'yes')`;
  }
  return ['int2', 'int4', 'int8'].includes(type)
    ? `coalesce(${ident(name)}, 0) = 0`
    : `${ident(name)} IS NULL`;
}
