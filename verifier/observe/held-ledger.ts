import { statSync } from 'node:fs';
import type { CheckContext, CheckResult } from '../check.ts';
import { finding } from '../check.ts';
import { LedgerMemory } from '../memory.ts';
import type { Database } from '../postgres.ts';
import type { Example, Finding, FindingClass } from '../report.ts';
import type { Table } from './catalogue.ts';
import { type LastWrite, type LedgerState, passesOf, readShare, unreadLedger } from './committed.ts';
import { keyText, readVersions, type Settlement, settlement } from './settled.ts';

/** A key of which the source does not show what the ledger last says. */
export interface Wrong {
  readonly id: string;
  readonly write: LastWrite;
  readonly class: FindingClass;
  readonly detail: string;
}

/** The ledger held against the source. */
export interface HeldLedger {
  readonly wrong: readonly Wrong[];
  /** Why transactions could not be settled, one sentence each. */
  readonly undecided: readonly string[];
  /** Keys that were looked at now. */
  readonly keys: number;
  /** Transactions that an earlier verification has looked at. */
  readonly before: number;
  readonly counts: NonNullable<CheckResult['ledger']>;
}

/** The planner may read the whole table for each query: few of them, then. */
const KEYS_PER_QUERY = 5_000;
const EXAMPLES = 5;

const held = new WeakMap<CheckContext, Promise<HeldLedger>>();

/** Reads ledger and source once in a verification, whichever check asks first. */
export function holdLedger(context: CheckContext, path: string): Promise<HeldLedger> {
  const known = held.get(context) ?? hold(context, path);
  held.set(context, known);
  return known;
}

async function hold(context: CheckContext, path: string): Promise<HeldLedger> {
  const source = await context.source();
  const memory = context.memory?.ledger ?? new LedgerMemory();
  const { before, endOffset, commit } = memory.begin(path, await incarnationOf(source));
  const { expected } = await context.catalogues();
  const tables = new Map(expected.map((table) => [table.id, table]));
  const own = await settlement(source, tables, context.config.versionColumn);
  const wrong: Wrong[] = [];
  const passes = passesOf(endOffset - before.cursor.byteOffset);
  const unjudged: (readonly [string, Unjudged])[] = [];
  let counts = { ...before.counts, settledCommitted: 0, settledAborted: 0 };
  let after = before;
  let keys = 0;
  for (let pass = 0; pass < passes; pass++) {
    const share = await readShare(path, { before, endOffset }, { pass, passes }, own.settle);
    after = share.after;
    keys += share.last.size;
    unjudged.push(...after.unjudged);
    counts = { ...after.counts, ...outcomesOf(share.settled) };
    const suspects = await differing(source, tables, share.last, context);
    if (suspects.length > 0) wrong.push(...(await confirmed(path, suspects, own)));
  }
  // What is wrong, or not settled, is looked at again each time, until it is mended.
  const undecided = [...own.undecided.values()];
  if (wrong.length + undecided.length === 0) commit({ ...after, unjudged: new Map(unjudged) });
  return { wrong, undecided, keys, before: before.counts.transactions, counts };
}

/**
 * A later write may have come since the ledger was read, and an earlier part may hold what an outcome that came late
 * does not: only a key whose last write in all of the ledger is still that one is wrong.
 */
async function confirmed(path: string, suspects: readonly Wrong[], { settle }: Settlement): Promise<Wrong[]> {
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

type Unjudged = LedgerState['unjudged'] extends ReadonlyMap<string, infer T> ? T : never;

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
  const ahead = version === null ? 0n : BigInt(version) - BigInt(write.version);
  if (ahead < 0n)
    return {
      class: 'stale',
      detail: `version ${write.version} was committed, the source shows ${version}`,
    };
  return ahead > 0n
    ? {
        class: 'not-committed',
        detail: `the ledger's last commit is version ${write.version}, the source shows ${version}`,
      }
    : undefined;
}

function sameWrite(now: LastWrite | undefined, then: LastWrite): boolean {
  return (
    now !== undefined && now.op === then.op && now.version === then.version && now.unsettled.length === 0
  );
}

/** One finding for each table and class, at hop source. */
export function sourceFindings(check: string, wrong: readonly Wrong[]): Finding[] {
  const groups = Map.groupBy(wrong, (row) => `${row.write.table} ${row.class}`);
  return [...groups.values()].flatMap((rows) => {
    const [first] = rows;
    if (first === undefined) return [];
    const examples = rows
      .slice(0, EXAMPLES)
      .map(({ write, detail }): Example => ({ key: { ...write.key }, columns: [], detail }));
    const about = { check, table: first.write.table, hop: 'source', count: rows.length, examples } as const;
    const detail = `${rows.length} ${first.class} at the source itself: ${first.detail}`;
    return [finding({ ...about, class: first.class, verdict: 'FAIL', first: examples[0] ?? null, detail })];
  });
}
