import assert from 'node:assert/strict';
import { ident, PINNED_SETTINGS, pinning } from '../connection/postgres.ts';
import type { Databases } from '../observe/connections.ts';
import { type ForeignKey, readForeignKeys } from '../observe/source/foreign-keys.ts';
import type { Content, TableContent } from '../verification/comparison.ts';
import type { Target } from './repair-row.ts';
import { oneLine, planRows, type TablePlan } from './repair-table.ts';
import { readRules, type TableRules } from './sink-rules.ts';

/** Column names that differ, by the source's `schema.table`: from the source's name to the sink's. */
type ColumnMap = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Rules {
  readonly tables: ReadonlyMap<string, TableRules>;
  readonly keys: readonly ForeignKey[];
}

/**
 * Writes SQL that would repair the sink, as one transaction. Only a person runs it. Each statement applies only if the
 * sink's row is still the wrong one in every column that was compared, so it does not overwrite what the pipeline has
 * written since. Where no statement can repair a row, a comment says why. The SQL contains the rows' values.
 * @returns null if nothing is wrong that a statement could repair.
 */
export async function repairSql(
  { tables }: Content,
  columnMap: ColumnMap,
  databases: Databases,
): Promise<string | null> {
  const wrong = tables.filter(({ comparison }) => comparison !== null && comparison.wrong.length > 0);
  if (wrong.length === 0) return null;
  const sink = await databases.sink();
  const copies = wrong.flatMap(({ comparison }) => comparison?.pair.sink ?? []);
  const keys = (await readForeignKeys(sink)).filter(({ isEnforced }) => isEnforced);
  const rules = { tables: await readRules(sink, copies), keys };
  const written = new Set(copies.map(({ id }) => id));
  const plans = wrong.map((table) => planTable(table, columnMap[table.table.id] ?? {}, rules, written));
  if (plans.every(({ first, inserts }) => first.length + inserts.length === 0)) return null;
  const ordered = childrenFirst(plans, keys);
  const between = keys.filter(
    ({ table, referenced, isDeferrable }) => !isDeferrable && written.has(table) && written.has(referenced),
  );
  const alter = (how: string) =>
    between.map(({ relation, name }) => `ALTER TABLE ${relation} ALTER CONSTRAINT ${ident(name)} ${how};`);
  const { idle_in_transaction_session_timeout: _, ...settings } = PINNED_SETTINGS;
  const lines = [
    '-- Repairs the sink. Review it, then run it there while the pipeline is idle.',
    ...(between.length > 0
      ? ['-- Run it as the owner of the tables: their foreign keys are checked at its end.']
      : []),
    'BEGIN;',
    pinning(settings, 'transaction'),
    ...alter('DEFERRABLE'),
    'SET CONSTRAINTS ALL DEFERRED;',
    ...ordered.flatMap(({ notes, first }) => [...notes, ...first]),
    ...ordered.toReversed().flatMap(({ inserts }) => inserts),
    'SET CONSTRAINTS ALL IMMEDIATE;',
    ...alter('NOT DEFERRABLE'),
    'COMMIT;',
  ];
  return `${lines.join('\n')}\n`;
}

function planTable(
  { table, comparison }: TableContent,
  names: Target['names'],
  { tables, keys }: Rules,
  written: ReadonlySet<string>,
): TablePlan {
  assert(comparison !== null, 'only a table that was compared has wrong rows');
  const { pair, wrong } = comparison;
  const counted = Object.values(comparison.counts).reduce((sum, count) => sum + count, 0);
  const head = `-- ${oneLine(table.id)}: ${wrong.length} wrong rows listed, ${counted} counted`;
  const none = (why: string): TablePlan => ({
    ...{ id: pair.sink?.id ?? '', notes: [head, `-- not repaired: ${oneLine(why)}`], first: [], inserts: [] },
  });
  const { sink, sides, key } = pair;
  if (sink === undefined || sides.sink === null) return none('the sink has no such table');
  if (sink.heldAs !== undefined) return none(`${sink.id} is ${sink.heldAs}`);
  if (key.length === 0) return none('its table has no primary key');
  if (!key.every(({ castable }) => castable)) return none('the key has another type in the sink');
  const unknown = pair.columns.find(({ types }) => types === 'incomparable')?.source.name;
  if (unknown !== undefined) return none(`column ${unknown} cannot be compared`);
  const rules = tables.get(sink.id);
  if (rules === undefined) return none('the sink no longer has the table');
  const name = `${ident(sink.schema)}.${ident(sink.name)}`;
  const rows = `${sink.only ? 'ONLY ' : ''}${name}`;
  const referring = keys.filter(
    (one) => one.referenced === sink.id && (one.onDelete !== 'a' || !written.has(one.table)),
  );
  const target: Target = { pair, side: sides.sink, name, rows, names, rules, referring };
  const plan = planRows(target, wrong, referencedColumns(keys, sink.id));
  return { ...plan, id: sink.id, notes: [head, ...plan.notes] };
}

function referencedColumns(keys: readonly ForeignKey[], id: string): ReadonlySet<string> {
  const own = keys.filter(({ referenced }) => referenced === id);
  return new Set(own.flatMap(({ columns }) => columns.map(({ referenced }) => referenced)));
}

/** A row is deleted after those that refer to it, and inserted before them. Tables in a cycle keep their order. */
function childrenFirst(plans: readonly TablePlan[], keys: readonly ForeignKey[]): readonly TablePlan[] {
  const ordered = new Set<TablePlan>();
  const entered = new Set<TablePlan>();
  const visit = (plan: TablePlan): void => {
    if (entered.has(plan)) return;
    entered.add(plan);
    for (const { table, referenced } of keys) {
      if (referenced !== plan.id) continue;
      for (const child of plans) if (child.id === table) visit(child);
    }
    ordered.add(plan);
  };
  for (const plan of plans) visit(plan);
  return [...ordered];
}
