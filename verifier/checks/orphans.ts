import { messageOf } from '../../pipeline/contract/errors.ts';
import { type Check, type CheckResult, notApplicable } from '../check.ts';
import { type FoundOrphans, findOrphans, type Orphans } from '../compare/find-orphans.ts';
import type { Reference } from '../compare/orphan-sql.ts';
import { keyOf, pairTables } from '../compare/table-pair.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import { type ForeignKey, readForeignKeys, readKnown } from '../observe/source/foreign-keys.ts';
import { type Finding, finding } from '../report.ts';
import type { Content } from '../verification/comparison.ts';
import { periodically } from '../verification/periodic-check.ts';
import { accountedRows } from '../verification/row-findings.ts';

const name = 'orphans';
/** Topics arrive at different speeds, so a row is an orphan only if it still is one behind a further fence. */
const ROUNDS = 1;

/**
 * Checks the source's foreign keys in the sink. The source may have orphans itself: of a key that is NOT VALID or NOT
 * ENFORCED, or from a time when triggers were off. The sink is wrong only where the source is right.
 */
export default {
  name,
  describe:
    'Every foreign key of the source holds in the sink, for every row for which it holds at the source.',
  needsFence: true,
  run: periodically(name, async ({ databases, pipeline, evidence }): Promise<CheckResult> => {
    const catalogues = await evidence.catalogues();
    const [source, sink] = [await databases.source(), await databases.sink()];
    const keys = (await readForeignKeys(source)).filter(({ table }) => catalogues.copies.has(table));
    if (keys.length === 0) return notApplicable('the source has no foreign keys');
    const { references, problems, elsewhere } = referencesIn(catalogues, keys);
    const search = {
      source: { database: source, known: await readKnown(source, keys) },
      sink: { database: sink, known: await readKnown(sink, keys) },
      accounted: accountedKeys(await evidence.content(), references),
    };
    const first = await findOrphans(references, search);
    let found = first.wrong;
    for (const [{ key }, why] of first.open) problems.push(`${key.name} of ${key.table}: ${why}`);
    for (let round = 0; round < ROUNDS && found.size > 0; round++) {
      if ((await pipeline.passFence()) !== 'passed') return inProgress(found);
      const again = await findOrphans([...found.keys()], { ...search, among: found });
      for (const [{ key }, why] of again.open) problems.push(`${key.name} of ${key.table}: ${why}`);
      found = settled(found, again);
    }
    return resultOf(found, {
      judged: references.length,
      elsewhere,
      problems,
    });
  }),
} satisfies Check;

/** Keys whose two tables are compared: of any other, the sink need not have the referenced rows. */
function referencesIn(
  { source, expected, copies }: Catalogues,
  keys: readonly ForeignKey[],
): { references: Reference[]; problems: string[]; elsewhere: number } {
  const compared = new Set(expected.map(({ id }) => id));
  const references: Reference[] = [];
  const problems: string[] = [];
  let elsewhere = 0;
  for (const key of keys) {
    const [child, parent] = [source.get(key.table), source.get(key.referenced)];
    if (child === undefined || parent === undefined || !compared.has(key.referenced)) {
      elsewhere++;
      continue;
    }
    try {
      references.push({
        key,
        child: pairTables(child, copies.get(child.id)),
        parent: pairTables(parent, copies.get(parent.id)),
      });
    } catch (error) {
      problems.push(`${key.name} of ${key.table}: ${messageOf(error)}`);
    }
  }
  return { references, problems, elsewhere };
}

/** Keys of rows that wait in a dead-letter topic: a reference to them is valid once they are applied. */
function accountedKeys(
  { tables }: Content,
  references: readonly Reference[],
): ReadonlyMap<Reference, readonly string[]> {
  const accounted = new Map<Reference, readonly string[]>();
  for (const reference of references) {
    const { key } = reference;
    const parent = tables.find(({ table }) => table.id === key.referenced);
    const pair = parent?.comparison?.pair;
    if (parent === undefined || pair === undefined) continue;
    const texts = accountedRows(parent).map((row) => {
      const own = keyOf(pair, row.keyText);
      // Formatted as PostgreSQL prints a jsonb array.
      return `[${key.columns.map(({ referenced }) => JSON.stringify(own[referenced] ?? null)).join(', ')}]`;
    });
    if (texts.length > 0) accounted.set(reference, texts);
  }
  return accounted;
}

function inProgress(found: FoundOrphans['wrong']): CheckResult {
  const names = [...found.keys()].map(({ key }) => key.name).join(', ');
  return { verdict: 'SYNC_IN_PROGRESS', detail: `rows are still on their way for ${names}`, findings: [] };
}

/** If there were too many to name, other rows may be among them by now: the smaller of the two numbers counts. */
function settled(before: FoundOrphans['wrong'], { wrong }: FoundOrphans): FoundOrphans['wrong'] {
  return new Map(
    [...wrong].map(([reference, own]) => [
      reference,
      { ...own, count: Math.min(own.count, before.get(reference)?.count ?? 0) },
    ]),
  );
}

function resultOf(
  found: FoundOrphans['wrong'],
  seen: { readonly judged: number; readonly elsewhere: number; readonly problems: readonly string[] },
): CheckResult {
  const { judged, elsewhere, problems } = seen;
  const orphans = new Map<string, number>();
  for (const [{ key }, { count }] of found) orphans.set(key.table, (orphans.get(key.table) ?? 0) + count);
  const total = [...orphans.values()].reduce((a, b) => a + b, 0);
  const isOpen = problems.length > 0;
  const detail = [
    `${total} orphans among ${judged} foreign keys`,
    ...(elsewhere > 0 ? [`${elsewhere} more refer to tables that are not compared`] : []),
    ...(isOpen ? [`not judged: ${problems.join('; ')}`] : []),
  ].join('; ');
  return {
    verdict: total > 0 ? 'FAIL' : isOpen ? 'INCONCLUSIVE' : 'PASS',
    detail,
    findings: [...found].map(([reference, own]) => report(reference, own)),
    orphans,
  };
}

function report({ key }: Reference, { count, examples }: Orphans): Finding {
  const rows = examples.map((example) => ({
    key: example,
    columns: key.columns.map((column) => column.name),
  }));
  return finding({
    check: name,
    class: 'orphan',
    verdict: 'FAIL',
    table: key.table,
    hop: 'sink',
    count,
    first: rows[0] ?? null,
    examples: rows,
    detail: `${count} rows of ${key.table} refer to no row of ${key.referenced} (${key.name})`,
  });
}
