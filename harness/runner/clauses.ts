import { unreachable } from '../../pipeline/contract/unreachable.ts';
import type { Access } from '../access/access.ts';
import { capturedTables, countRows } from '../access/captured-tables.ts';
import type { Instance } from '../lab/lab.ts';
import type { Clause, Scenario, Tunables } from '../plugins/scenario.ts';
import type { Journal } from './journal.ts';

/** Rows per captured table in the sink, before the fault. */
export type Baseline = Readonly<Record<string, number>>;

/** Null if no clause of the contract needs it. */
export async function takeBaseline(
  scenario: Scenario,
  access: Access,
  instance: Instance,
): Promise<Baseline | null> {
  if (!scenario.contract.clauses.some((clause) => clause.kind === 'same-rows')) return null;
  return countRows(access, 'sink', await capturedTables(access, instance));
}

/** Why the first broken clause does not hold; null if all hold. Each result is in the journal. */
export async function checkClauses(
  plan: { readonly scenario: Scenario; readonly tunables: Tunables },
  access: Access,
  instance: Instance,
  baseline: Baseline | null,
  journal: Journal,
): Promise<string | null> {
  for (const clause of plan.scenario.contract.clauses) {
    const { holds, detail } = await check(clause, plan.tunables, access, instance, baseline);
    journal.write({ t: 'clause', why: clause.why, holds, detail });
    if (!holds) return `the contract is broken (${clause.why}): ${JSON.stringify(detail)}`;
  }
  return null;
}

async function check(
  clause: Clause,
  tunables: Tunables,
  access: Access,
  instance: Instance,
  baseline: Baseline | null,
): Promise<{ holds: boolean; detail: Record<string, unknown> }> {
  switch (clause.kind) {
    case 'same-rows': {
      const after = await countRows(access, 'sink', await capturedTables(access, instance));
      const before = baseline ?? {};
      const holds =
        baseline !== null && Object.entries(after).every(([table, rows]) => before[table] === rows);
      return { holds, detail: { before, after } };
    }
    case 'sink-count': {
      const [row] = await access.query('sink', clause.sql);
      const count = Number(row?.n ?? 0);
      const atLeast = clause.atLeast === 'rows' ? tunables.rows : clause.atLeast;
      return { holds: count >= atLeast, detail: { count, atLeast } };
    }
    default:
      return unreachable(clause, 'clause');
  }
}
