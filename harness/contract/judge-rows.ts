import type { Access } from '../access/access.ts';
import { capturedTables, countRows } from '../access/captured-tables.ts';
import type { Instance } from '../lab/lab.ts';
import type { Clause } from '../plugins/clause.ts';
import type { Tunables } from '../plugins/scenario.ts';
import { broken, type ClauseResult } from './judge-figures.ts';

/** Rows per captured table in the sink, before the fault. */
export type Baseline = Readonly<Record<string, number>>;

/** Null if no clause of the contract needs it. */
export async function takeBaseline(
  clauses: readonly Clause[],
  access: Access,
  instance: Instance,
): Promise<Baseline | null> {
  if (!clauses.some(({ kind }) => kind === 'same-rows')) return null;
  return countRows(access, 'sink', await capturedTables(access, instance));
}

/** As many rows in each table of the sink as before. */
export async function sameRows(
  clause: Clause,
  baseline: Baseline | null,
  access: Access,
  instance: Instance,
): Promise<ClauseResult> {
  if (baseline === null) return { clause, holds: null, detail: { before: null } };
  const after = await countRows(access, 'sink', await capturedTables(access, instance));
  const figures = { before: baseline, after };
  const changed = Object.entries(after).find(([table, rows]) => baseline[table] !== rows);
  if (changed === undefined) return { clause, holds: true, detail: figures };
  const [table, rows] = changed;
  const before = baseline[table] ?? 0;
  const detail = `${table} has ${rows} rows in the sink, and had ${before}`;
  const own = { table, count: Math.abs(rows - before), hop: 'sink', detail } as const;
  const found = broken(clause, { ...own, class: rows > before ? 'duplicate' : 'missing' });
  return { clause, holds: false, detail: figures, finding: found };
}

/** A query on the sink whose `n` is large enough. */
export async function sinkCount(
  clause: Extract<Clause, { readonly kind: 'sink-count' }>,
  tunables: Tunables,
  access: Access,
): Promise<ClauseResult> {
  const [row] = await access.query('sink', clause.sql);
  const count = Number(row?.n ?? 0);
  const atLeast = clause.atLeast === 'rows' ? tunables.rows : clause.atLeast;
  const figures = { count, atLeast };
  if (count >= atLeast) return { clause, holds: true, detail: figures };
  const detail = `a query on the sink counts ${count}, and ${atLeast} were due`;
  const found = broken(clause, { ...clause.breaks, count: atLeast - count, detail });
  return { clause, holds: false, detail: figures, finding: found };
}
