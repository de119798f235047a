import type { Client } from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { compile, type FilterLists, splitList } from '../config/table-filter.ts';
import type { TableName } from '../source/sql.ts';

interface Relation extends TableName {
  readonly kind: string;
  readonly persistence: string;
}

/** What a relation is that cannot be captured, and what to do. */
function reason({ kind, persistence }: Relation): { readonly is: string; readonly remedy: string } {
  const nothing = 'Name a table, or take the entry out of the list.';
  if (kind === 'p') {
    return {
      is: 'a partitioned table, whose changes come under the names of its partitions',
      remedy:
        'Name the partitions; or create the publication WITH (publish_via_partition_root = true) to capture it as one table.',
    };
  }
  if (kind === 'v') return { is: 'a view, which has no changes', remedy: nothing };
  if (kind === 'm') return { is: 'a materialized view, which is not replicated', remedy: nothing };
  if (kind === 'f') return { is: 'a foreign table, which is not replicated', remedy: nothing };
  if (persistence === 'u') {
    return {
      is: 'an UNLOGGED table, which writes no WAL',
      remedy: 'ALTER TABLE … SET LOGGED, or take it out.',
    };
  }
  return {
    is: 'a table that the publication has as part of another one',
    remedy: 'With publish_via_partition_root, name the partitioned table.',
  };
}

/** Warns of each entry of `table.include.list` that selects no captured table, with what it matches instead. */
export async function warnOfEntries(
  client: Client,
  lists: FilterLists,
  captured: readonly TableName[],
  log: Logger,
): Promise<void> {
  const entries = splitList(lists.tableInclude ?? '');
  if (entries.length === 0) return;
  const { rows } = await client.query<Relation>(
    `SELECT n.nspname AS schema, c.relname AS table, c.relkind AS kind, c.relpersistence AS persistence
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
     ORDER BY 1, 2`,
  );
  for (const [i, expression] of (compile(lists.tableInclude) ?? []).entries()) {
    const isMatched = (table: TableName) => expression.test(`${table.schema}.${table.table}`);
    if (captured.some(isMatched)) continue;
    const other = rows.find(isMatched);
    const entry = entries[i] ?? '';
    if (other === undefined) {
      const remedy = 'Entries are regular expressions that must match schema.table as a whole.';
      log.warn(`The entry "${entry}" of table.include.list matches no table.`, { entry, remedy });
      continue;
    }
    const { is, remedy } = reason(other);
    const name = `${other.schema}.${other.table}`;
    log.warn(`The entry "${entry}" of table.include.list captures nothing: ${name} is ${is}.`, {
      entry,
      remedy,
    });
  }
}
