import { existsSync } from 'node:fs';
import { type Check, type CheckContext, type CheckResult, finding, pass } from '../check.ts';
import type { Table } from '../observe/catalogue.ts';
import { type LastWrite, type LedgerShare, passesOf, readShare } from '../observe/committed.ts';
import type { Database } from '../postgres.ts';
import { ident } from '../postgres.ts';
import type { Example, Finding, FindingClass } from '../report.ts';

const name = 'ledger';
const KEYS_PER_QUERY = 500;
const EXAMPLES = 5;

/** What clients were told is committed, against what the source holds: the hop before the pipeline. */
export default {
  name,
  describe: 'Everything that a client saw committed is at the source.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const path = context.config.ledger;
    if (path === null) return pass('no ledger: what clients saw committed is not known');
    if (!existsSync(path)) return pass('the ledger is empty: no workload has run');
    const source = await context.source();
    const { expected } = await context.catalogues();
    const tables = new Map(expected.map((table) => [table.id, table]));
    const settle = (xids: readonly string[]) => settleXids(source, xids);
    const wrong: Wrong[] = [];
    const passes = await passesOf(path);
    let report: CheckResult['ledger'];
    for (let share = 0; share < passes; share++) {
      const look = (): Promise<LedgerShare> => readShare(path, { pass: share, passes }, settle);
      const { last, counts, settled } = await look();
      report ??= { ...counts, ...outcomesOf(settled) };
      const suspects = await differing(source, tables, last, context);
      if (suspects.length === 0) continue;
      // A later write may have come since the ledger was read: only a key that nothing touched since is wrong.
      const again = await look();
      wrong.push(...suspects.filter(({ id, write }) => sameWrite(again.last.get(id), write)));
    }
    const told = `${report?.transactions} transactions, ${report?.committed} committed, ${report?.unknown} unknown`;
    const verdict = wrong.length > 0 ? 'FAIL' : 'PASS';
    return { verdict, detail: told, findings: findingsOf(wrong), ledger: report };
  },
} satisfies Check;

function outcomesOf(settled: ReadonlyMap<string, 'ok' | 'fail'>) {
  const outcomes = [...settled.values()];
  return {
    settledCommitted: outcomes.filter((outcome) => outcome === 'ok').length,
    settledAborted: outcomes.filter((outcome) => outcome === 'fail').length,
  };
}

/** Settled by the transaction's status, not by reading rows. An xid too old, or of the future, stays unknown. */
async function settleXids(source: Database, xids: readonly string[]): Promise<Map<string, 'ok' | 'fail'>> {
  const outcomes = new Map<string, 'ok' | 'fail'>();
  for (const xid of xids) {
    const row = await source
      .one('SELECT pg_xact_status($1::text::xid8) AS status', [xid])
      .catch(() => ({ status: null }));
    if (row.status === 'committed') outcomes.set(xid, 'ok');
    else if (row.status === 'aborted') outcomes.set(xid, 'fail');
  }
  return outcomes;
}

interface Wrong {
  readonly id: string;
  readonly write: LastWrite;
  readonly class: FindingClass;
  readonly detail: string;
}

async function differing(
  source: Database,
  tables: ReadonlyMap<string, Table>,
  writes: ReadonlyMap<string, LastWrite>,
  context: CheckContext,
): Promise<Wrong[]> {
  const wrong: Wrong[] = [];
  const byTable = Map.groupBy(writes, ([, write]) => write.table);
  for (const [id, own] of byTable) {
    const table = tables.get(id);
    if (table === undefined || table.key.length === 0) continue;
    for (let i = 0; i < own.length; i += KEYS_PER_QUERY) {
      context.signal.throwIfAborted();
      const batch = own.slice(i, i + KEYS_PER_QUERY);
      const versions = await readVersions(
        source,
        table,
        batch.map(([, write]) => write),
        context.config.versionColumn,
      );
      for (const [key, write] of batch) {
        const problem = judge(write, versions.get(keyText(table, write)));
        if (problem !== undefined) wrong.push({ id: key, write, ...problem });
      }
    }
  }
  return wrong;
}

function judge(
  write: LastWrite,
  version: string | null | undefined,
): Pick<Wrong, 'class' | 'detail'> | undefined {
  if (write.unsettled.length > 0) return undefined;
  const there = version !== undefined;
  if (write.op === 'd') {
    return there
      ? { class: 'extra', detail: 'deleted by a committed transaction, and still there' }
      : undefined;
  }
  if (!there)
    return { class: 'missing', detail: `version ${write.version} was committed, the row is not there` };
  const older = version !== null && BigInt(version) < BigInt(write.version);
  return older
    ? { class: 'stale', detail: `version ${write.version} was committed, the source shows ${version}` }
    : undefined;
}

async function readVersions(
  source: Database,
  table: Table,
  writes: readonly LastWrite[],
  versionColumn: string,
): Promise<ReadonlyMap<string, string | null>> {
  const columns = table.key.map((column) => ident(column.name)).join(', ');
  const names = table.key.map((_, i) => `k${i}`);
  const arrays = table.key.map((_, i) => `$${i + 1}::text[]`).join(', ');
  const typed = table.key.map((column, i) => `k${i}::${column.cast}`).join(', ');
  const version = table.columns.some((column) => column.name === versionColumn)
    ? `${ident(versionColumn)}::text`
    : 'NULL::text';
  const values = table.key.map((column) => writes.map((write) => write.key[column.name] ?? null));
  const shown = table.key.map((column) => `${ident(column.name)}::text`).join(', ');
  const rows = await source.query(
    `SELECT jsonb_build_array(${shown})::text AS key, ${version} AS version
     FROM ${ident(table.schema)}.${ident(table.name)}
     WHERE (${columns}) IN (SELECT ${typed} FROM unnest(${arrays}) AS k(${names.join(', ')}))`,
    values,
  );
  return new Map(rows.map((row) => [JSON.stringify(JSON.parse(row.key ?? '[]')), row.version ?? null]));
}

function keyText(table: Table, write: LastWrite): string {
  return JSON.stringify(table.key.map((column) => write.key[column.name] ?? null));
}

function sameWrite(now: LastWrite | undefined, then: LastWrite): boolean {
  return (
    now !== undefined && now.op === then.op && now.version === then.version && now.unsettled.length === 0
  );
}

function findingsOf(wrong: readonly Wrong[]): Finding[] {
  const groups = Map.groupBy(wrong, (row) => `${row.write.table} ${row.class}`);
  return [...groups.values()].flatMap((rows) => {
    const [first] = rows;
    if (first === undefined) return [];
    const examples = rows
      .slice(0, EXAMPLES)
      .map(({ write, detail }): Example => ({ key: { ...write.key }, columns: [], detail }));
    const about = {
      check: name,
      table: first.write.table,
      hop: 'source',
      count: rows.length,
      examples,
    } as const;
    const detail = `${rows.length} ${first.class} at the source itself: ${first.detail}`;
    return [
      finding({
        ...about,
        examples,
        class: first.class,
        verdict: 'FAIL',
        first: examples[0] ?? null,
        detail,
      }),
    ];
  });
}
