/** Decides which tables are captured. */
export type TableFilter = (schema: string, table: string) => boolean;

/** PostgreSQL's own schemas, which are never captured, as in Debezium. */
const SYSTEM_SCHEMAS = new Set(['pg_catalog', 'information_schema', 'pg_toast']);

/** Debezium's four lists: each a comma-separated list of regular expressions, or undefined. */
export interface FilterLists {
  readonly schemaInclude: string | undefined;
  readonly schemaExclude: string | undefined;
  readonly tableInclude: string | undefined;
  readonly tableExclude: string | undefined;
}

/**
 * Debezium's include and exclude lists: each entry is a regular expression that must match the whole of
 * `schema` or `schema.table`, ignoring case. A comma in an expression is written `\,`.
 * @throws SyntaxError if an entry is not a regular expression.
 */
export function createTableFilter(lists: FilterLists): TableFilter {
  const schemaInclude = compile(lists.schemaInclude);
  const schemaExclude = compile(lists.schemaExclude);
  const tableInclude = compile(lists.tableInclude);
  const tableExclude = compile(lists.tableExclude);
  return (schema, table) => {
    if (SYSTEM_SCHEMAS.has(schema)) return false;
    const name = `${schema}.${table}`;
    if (schemaInclude ? !matches(schemaInclude, schema) : schemaExclude && matches(schemaExclude, schema)) {
      return false;
    }
    if (tableInclude) return matches(tableInclude, name);
    return !(tableExclude && matches(tableExclude, name));
  };
}

/**
 * The order in which Debezium snapshots tables: that of `table.include.list`, and by name if an entry matches several.
 */
export function inSnapshotOrder<T extends { readonly schema: string; readonly table: string }>(
  tables: readonly T[],
  { tableInclude }: FilterLists,
): T[] {
  const rank = ({ schema, table }: T) =>
    compile(tableInclude)?.findIndex((expression) => expression.test(`${schema}.${table}`)) ?? 0;
  const ranked = tables.map((table) => ({ table, rank: rank(table) }));
  // The tables come sorted by name, and the sort is stable.
  return ranked.sort((a, b) => a.rank - b.rank).map(({ table }) => table);
}

/** Entries of a comma-separated list, trimmed. */
export function splitList(list: string): string[] {
  return list
    .split(/(?<!\\),/)
    .map((entry) => entry.trim().replaceAll('\\,', ','))
    .filter((entry) => entry !== '');
}

export function compile(list: string | undefined): readonly RegExp[] | undefined {
  if (list === undefined) return undefined;
  const entries = splitList(list);
  return entries.length === 0 ? undefined : entries.map((entry) => new RegExp(`^(?:${entry})$`, 'i'));
}

function matches(expressions: readonly RegExp[], name: string): boolean {
  return expressions.some((expression) => expression.test(name));
}
