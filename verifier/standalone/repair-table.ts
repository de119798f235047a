import type { WrongRow } from '../compare/settle.ts';
import { type Cell, cellsOf, deletion, insertion, parking, type Target, update } from './repair-row.ts';

/** The statements that repair one table. */
export interface TablePlan {
  /** `schema.table` in the sink; empty if it has none. */
  readonly id: string;
  /** Comments. */
  readonly notes: readonly string[];
  /** Deletes and updates, in their order. */
  readonly first: readonly string[];
  readonly inserts: readonly string[];
}

type Updated = { readonly row: WrongRow; readonly wrong: readonly Cell[] };

/** What an update needs besides: columns to park, or the row's replacement, or a reason to leave it out. */
type Way =
  | { readonly tag: 'update'; readonly parked: readonly string[] }
  | { readonly tag: 'replace' }
  | { readonly tag: 'none'; readonly why: string };

/**
 * Deletes come first: a row to be written can have a unique value, or a key that counts as equal, of a row to be deleted.
 * @param referenced Columns of the table that foreign keys refer to.
 */
export function planRows(
  target: Target,
  rows: readonly WrongRow[],
  referenced: ReadonlySet<string>,
): Omit<TablePlan, 'id'> {
  const notes: string[] = [];
  const parks: string[] = [];
  const deletes: string[] = [];
  const updates: string[] = [];
  const inserts: string[] = [];
  const updated: Updated[] = [];
  const skip = (row: WrongRow, why: string) =>
    notes.push(`-- not repaired: ${oneLine(why)}, key ${oneLine(row.keyText)}`);
  for (const row of rows) {
    if (row.class === 'missing') inserts.push(insertion(target, row, false));
    else if (row.class === 'extra') deletes.push(deletion(target, row));
    else if (row.class === 'duplicate') skip(row, `${row.sink.rows} rows`);
    else updated.push({ row, wrong: cellsOf(target, row).filter(({ ours, theirs }) => ours !== theirs) });
  }
  for (const { row, wrong } of updated) {
    const way = wayOf(target, wrong, updated, referenced);
    switch (way.tag) {
      case 'none':
        skip(row, way.why);
        break;
      case 'replace':
        deletes.push(deletion(target, row));
        inserts.push(insertion(target, row, true));
        break;
      case 'update':
        if (way.parked.length > 0) parks.push(parking(target, row, way.parked));
        updates.push(update(target, row, wrong, way.parked));
    }
  }
  return { notes, first: [...parks, ...deletes, ...updates], inserts };
}

function wayOf(
  target: Target,
  wrong: readonly Cell[],
  updated: readonly Updated[],
  referenced: ReadonlySet<string>,
): Way {
  const { rules } = target;
  if (wrong.length === 0) return { tag: 'none', why: 'the sink lacks the column or generates it' };
  const replace = (): Way => {
    const written = new Set(namesOf(target));
    const lost = rules.columns.filter((name) => !written.has(name));
    return lost.length === 0
      ? { tag: 'replace' }
      : { tag: 'none', why: `to replace the row would lose its ${lost.join(', ')}` };
  };
  // An identity column that is GENERATED ALWAYS can be inserted, but not updated.
  if (wrong.some(({ name }) => rules.always.includes(name))) return replace();
  const parked = new Set<string>();
  for (const { columns, isPrimary, isImmediate, admitsNulls } of rules.uniques) {
    const moves = (cells: readonly Cell[]) => cells.filter(({ name }) => columns.includes(name));
    if (isPrimary || !isImmediate || moves(wrong).length === 0) continue;
    // Only one row changes such a value: the row that has it, if any, is deleted before.
    if (updated.filter((one) => moves(one.wrong).length > 0).length < 2) continue;
    const held = moves(wrong).find(({ name }) => referenced.has(name));
    if (held !== undefined) return { tag: 'none', why: `a foreign key refers to its unique ${held.name}` };
    const free = moves(wrong).find(({ column }) => admitsNulls && column.sink?.notNull === false);
    if (free === undefined) return replace();
    parked.add(free.name);
  }
  return { tag: 'update', parked: [...parked] };
}

function namesOf({ pair, names }: Target): string[] {
  const present = pair.columns.filter(({ sink }) => sink !== undefined);
  return present.map(({ source }) => names[source.name] ?? source.name);
}

/** For use in a comment: a line break would end it. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ');
}
