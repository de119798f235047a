import { existsSync, statSync } from 'node:fs';
import { type Check, type CheckContext, type CheckResult, finding, pass } from '../check.ts';
import { LedgerMemory } from '../memory.ts';
import type { Table } from '../observe/catalogue.ts';
import {
  type LastWrite,
  type LedgerState,
  passesOf,
  readShare,
  type SettleXids,
  unreadLedger,
} from '../observe/committed.ts';
import type { Database } from '../postgres.ts';
import { ident } from '../postgres.ts';
import type { Example, Finding, FindingClass } from '../report.ts';

const name = 'ledger';
/** The planner may read the whole table for each query: few of them, then. */
const KEYS_PER_QUERY = 5_000;
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
    const memory = context.memory?.ledger ?? new LedgerMemory();
    const { before, endOffset, commit } = memory.begin(path, await incarnationOf(source));
    const { expected } = await context.catalogues();
    const tables = new Map(expected.map((table) => [table.id, table]));
    const settle = (xids: readonly string[]) => settleXids(source, xids);
    const wrong: Wrong[] = [];
    const passes = passesOf(endOffset - before.cursor.byteOffset);
    const unjudged: (readonly [string, Unjudged])[] = [];
    let report: CheckResult['ledger'];
    let after = before;
    for (let pass = 0; pass < passes; pass++) {
      const share = await readShare(path, { before, endOffset }, { pass, passes }, settle);
      after = share.after;
      unjudged.push(...after.unjudged);
      report = { ...after.counts, ...outcomesOf(share.settled) };
      const suspects = await differing(source, tables, share.last, context);
      if (suspects.length > 0) wrong.push(...(await confirmed(path, suspects, settle)));
    }
    // What is wrong is looked at again each time, until it is mended.
    if (wrong.length === 0) commit({ ...after, unjudged: new Map(unjudged) });
    const told = `${report?.transactions} transactions, ${report?.committed} committed, ${report?.unknown} unknown`;
    const since = before.counts.transactions;
    const part = since === 0 ? '' : `; those after the first ${since} checked now, those before earlier`;
    const verdict = wrong.length > 0 ? 'FAIL' : 'PASS';
    return { verdict, detail: `${told}${part}`, findings: findingsOf(wrong), ledger: report };
  },
} satisfies Check;

/**
 * A later write may have come since the ledger was read, and an earlier part may hold what an outcome that came late
 * does not: only a key whose last write in all of the ledger is still that one is wrong.
 */
async function confirmed(path: string, suspects: readonly Wrong[], settle: SettleXids): Promise<Wrong[]> {
  const whole = { before: unreadLedger(), endOffset: statSync(path).size };
  const only = new Set(suspects.map(({ id }) => id));
  const { last } = await readShare(path, whole, { only }, settle);
  return suspects.filter(({ id, write }) => sameWrite(last.get(id), write));
}

/** Changes with every start of the server: what was committed before it may be gone. */
async function incarnationOf(source: Database): Promise<string> {
  const { started } = await source.one('SELECT pg_postmaster_start_time()::text AS started');
  return started ?? '';
}

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

type Unjudged = LedgerState['unjudged'] extends ReadonlyMap<string, infer T> ? T : never;

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
