import { statSync } from 'node:fs';
import type { CheckContext, CheckResult } from '../check.ts';
import { finding } from '../check.ts';
import { LedgerMemory } from '../memory.ts';
import type { Database } from '../postgres.ts';
import type { Example, Finding, FindingClass } from '../report.ts';
import type { Table } from './catalogue.ts';
import { type LastWrite, partEnds, readPart, type SettleIntents, unreadLedger } from './committed.ts';
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
  /** Keys that were looked at now, each once for every part of the ledger that writes it. */
  readonly keys: number;
  /** Transactions that an earlier verification has looked at. */
  readonly before: number;
  readonly counts: NonNullable<CheckResult['ledger']>;
}

/** The planner may read the whole table for each query: few of them, then. */
const KEYS_PER_QUERY = 10_000;
const EXAMPLES = 5;
/** 150,000 writes or so, and 100 MB of memory. */
const PART_BYTES = 16 * 1024 * 1024;
/** Keys that are held because a later part of the ledger may explain them. */
const MAX_SUSPECTS = 200_000;

const held = new WeakMap<CheckContext, Promise<HeldLedger>>();

/**
 * Reads ledger and source once in a verification, whichever check asks first.
 * @param partBytes Of the ledger at once: bounds the memory, and changes nothing else.
 */
export function holdLedger(
  context: CheckContext,
  path: string,
  partBytes: number = PART_BYTES,
): Promise<HeldLedger> {
  const known = held.get(context) ?? hold(context, path, partBytes);
  held.set(context, known);
  return known;
}

async function hold(context: CheckContext, path: string, partBytes: number): Promise<HeldLedger> {
  const source = await context.source();
  const memory = context.memory?.ledger ?? new LedgerMemory();
  const { before, endOffset, commit } = memory.begin(path, await incarnationOf(source));
  const { expected } = await context.catalogues();
  const tables = new Map(expected.map((table) => [table.id, table]));
  const own = await settlement(source, tables, context.config.versionColumn);
  const suspects = new Map<string, Wrong>();
  const confirm = async (): Promise<void> => {
    const wrong = await confirmed(path, suspects, own);
    for (const id of suspects.keys()) if (!wrong.has(id)) suspects.delete(id);
  };
  let [state, keys, room] = [before, 0, MAX_SUSPECTS];
  let settled: ReadonlyMap<string, 'ok' | 'fail'> = new Map();
  for (const end of partEnds(before.cursor.byteOffset, endOffset, partBytes)) {
    const settle = end === endOffset ? own.settle : leaveOpen;
    const part = await readPart(path, { before: state, endOffset: end }, settle);
    ({ after: state, settled } = part);
    keys += part.last.size;
    for await (const batch of judged(source, tables, part.last, context)) {
      // A later part knows better: what an earlier one last says of a key may have been overwritten since.
      for (const [id, wrong] of batch) {
        if (wrong === null) suspects.delete(id);
        else suspects.set(id, wrong);
      }
    }
    if (suspects.size <= room) continue;
    await confirm();
    room = suspects.size + MAX_SUSPECTS;
  }
  if (suspects.size > 0) await confirm();
  const wrong = [...suspects.values()];
  // What is wrong, or not settled, is looked at again each time, until it is mended.
  const undecided = [...own.undecided.values()];
  if (wrong.length + undecided.length === 0) commit(state);
  const counts = { ...state.counts, ...outcomesOf(settled) };
  return { wrong, undecided, keys, before: before.counts.transactions, counts };
}

/** What is open at the end of a part that is not the last may be closed in the next. */
const leaveOpen: SettleIntents = async () => new Map();

/**
 * A later write may have come since the ledger was read, and an earlier part may hold what an outcome that came late
 * does not: only a key whose last write in all of the ledger is still that one is wrong.
 */
async function confirmed(
  path: string,
  suspects: ReadonlyMap<string, Wrong>,
  { settle }: Settlement,
): Promise<ReadonlySet<string>> {
  const whole = { before: unreadLedger(), endOffset: statSync(path).size };
  const { last } = await readPart(path, whole, settle, new Set(suspects.keys()));
  const wrong = [...suspects.values()].filter(({ id, write }) => sameWrite(last.get(id), write));
  return new Set(wrong.map(({ id }) => id));
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

/** What is wrong with each write of which the source can be asked, by key; null where the source shows it. */
async function* judged(
  source: Database,
  tables: ReadonlyMap<string, Table>,
  writes: ReadonlyMap<string, LastWrite>,
  context: CheckContext,
): AsyncGenerator<readonly (readonly [id: string, wrong: Wrong | null])[], void, void> {
  const certain = [...writes]
    .filter(([, { unsettled }]) => unsettled.length === 0)
    // Neighbours share the pages of an index: where it does not fit into memory, each would be read many times.
    .sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, own] of Map.groupBy(certain, ([, write]) => write.table)) {
    const table = tables.get(name);
    if (table === undefined || table.key.length === 0) continue;
    for (let i = 0; i < own.length; i += KEYS_PER_QUERY) {
      context.signal.throwIfAborted();
      const batch = own.slice(i, i + KEYS_PER_QUERY);
      const keys = batch.map(([, write]) => write);
      const versions = await readVersions(source, table, keys, context.config.versionColumn);
      yield batch.map(([id, write]) => {
        const problem = judge(write, versions.get(keyText(table, write)));
        return [id, problem === undefined ? null : { id, write, ...problem }] as const;
      });
    }
  }
}

function judge(
  write: LastWrite,
  version: string | null | undefined,
): Pick<Wrong, 'class' | 'detail'> | undefined {
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
