import { statSync } from 'node:fs';
import type { VerifierConfig } from '../../config.ts';
import type { Database } from '../../connection/postgres.ts';
import type { Report } from '../../report.ts';
import type { Catalogues } from '../catalogues.ts';
import type { Connections } from '../pipeline-progress.ts';
import type { Table } from '../source/catalogue.ts';
import { LedgerMemory } from './ledger-memory.ts';
import {
  type Book,
  type LedgerState,
  partEnds,
  readInto,
  readPart,
  type Sequenced,
  type SettleIntents,
  unreadLedger,
} from './ledger-parts.ts';
import { keyText, readVersions, type Settlement, settlement } from './settlement.ts';
import { type Shown, Suspects } from './suspects.ts';
import { judge, WrongBook, type WrongWrites } from './wrong-writes.ts';

/** The ledger held against the source. */
export interface LedgerComparison {
  readonly wrong: readonly WrongWrites[];
  /** So much is wrong that the rest of the ledger was not looked at. */
  readonly cut: boolean;
  /** Why transactions could not be settled, one sentence each. */
  readonly undecided: readonly string[];
  /** Keys that were looked at now, each once for every part of the ledger that writes it. */
  readonly keys: number;
  /** Transactions that an earlier verification has looked at. */
  readonly before: number;
  readonly counts: NonNullable<Report['ledger']>;
}

const KEYS_PER_QUERY = 5_000;

/** What bounds the memory, and changes nothing else. */
export interface HoldLimits {
  /** Of the ledger at once. */
  readonly partBytes: number;
  /** Keys that are held because a later part of the ledger may explain them; where many more are wrong, that is enough. */
  readonly suspects: number;
}

/** 20,000 writes or so, and 12 MB of memory; 50 MB for the suspects. */
const LIMITS: HoldLimits = { partBytes: 4 * 1024 * 1024, suspects: 1_500_000 };

/** What is read, and what the verification before has seen. */
export interface LedgerInputs extends Pick<Connections, 'source'> {
  readonly config: VerifierConfig;
  readonly signal: AbortSignal;
  readonly catalogues: () => Promise<Catalogues>;
  readonly memory?: { readonly ledger: LedgerMemory } | undefined;
}

const held = new WeakMap<LedgerInputs, Promise<LedgerComparison>>();

/** Reads ledger and source once in a verification, whichever check asks first. */
export function compareLedger(
  context: LedgerInputs,
  path: string,
  limits: Partial<HoldLimits> = {},
): Promise<LedgerComparison> {
  const known = held.get(context) ?? hold(context, path, { ...LIMITS, ...limits });
  held.set(context, known);
  return known;
}

async function hold(context: LedgerInputs, path: string, limits: HoldLimits): Promise<LedgerComparison> {
  const source = await context.source();
  const memory = context.memory?.ledger ?? new LedgerMemory();
  const { before, endOffset, commit } = memory.begin(path, await incarnationOf(source));
  const { expected } = await context.catalogues();
  const tables = new Map(expected.map((table) => [table.id, table]));
  const own = await settlement(source, tables, context.config.versionColumn);
  const suspects = new Suspects();
  let [state, keys, room, cut] = [before, 0, limits.suspects, false];
  let settled: ReadonlyMap<string, 'ok' | 'fail'> = new Map();
  for (const end of partEnds(before.cursor.byteOffset, endOffset, limits.partBytes)) {
    const settle = end === endOffset ? own.settle : leaveOpen;
    const part = await readPart(path, { before: state, endOffset: end }, settle);
    ({ after: state, settled } = part);
    keys += part.last.size;
    for await (const { batch, shown } of shownFor(source, tables, part.last, context)) {
      for (const [i, [id, write]] of batch.entries()) {
        // A later part knows better: what an earlier one last says of a key may have been overwritten since.
        if (judge(write, shown[i]) === undefined) suspects.clear(id, write.sequence + 1);
        else suspects.add(id, write.sequence, shown[i]);
      }
    }
    if (suspects.size <= room) continue;
    await clearOverwritten(suspects, path, state, { settle: leaveOpen });
    room = suspects.size + limits.suspects / 2;
    cut = suspects.size > limits.suspects / 2;
    if (cut) break;
  }
  const wrong = await confirmed(suspects, path, state, own);
  // What is wrong, or not settled, is looked at again each time, until it is mended.
  const undecided = [...own.undecided.values()];
  if (wrong.length + undecided.length === 0) commit(state);
  const counts = { ...state.counts, ...outcomesOf(settled) };
  return { wrong, cut, undecided, keys, before: before.counts.transactions, counts };
}

/** What is open at the end of a part that is not the last may be closed in the next. */
const leaveOpen: SettleIntents = async () => new Map();

/** Clears those that a later transaction wrote, as the ledger says that is behind `before`, up to its end of now. */
async function clearOverwritten(
  suspects: Suspects,
  path: string,
  before: LedgerState,
  { settle }: Pick<Settlement, 'settle'>,
): Promise<void> {
  const book: Book = {
    committed: (id, _, sequence) => suspects.clear(id, sequence),
    // Left to the end: it may be settled by then.
    unsettled: (id) => settle !== leaveOpen && suspects.clear(id, Number.POSITIVE_INFINITY),
  };
  await readInto(book, path, { before, endOffset: statSync(path).size }, settle);
}

/**
 * A later write may have come since the ledger was read, and an earlier part may hold what an outcome that came late
 * does not: only a key whose last write in all of the ledger is still that one is wrong.
 */
async function confirmed(
  suspects: Suspects,
  path: string,
  after: LedgerState,
  own: Settlement,
): Promise<readonly WrongWrites[]> {
  // Under writes nearly all are cleared by what has come since, which is little to read.
  if (suspects.size > 0) await clearOverwritten(suspects, path, after, own);
  if (suspects.size > 0) await clearOverwritten(suspects, path, unreadLedger(), own);
  if (suspects.size === 0) return [];
  const book = new WrongBook(suspects);
  await readInto(book, path, { before: unreadLedger(), endOffset: statSync(path).size }, own.settle);
  return book.groups;
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

/** What the source shows of each write of which it can be asked. */
async function* shownFor(
  source: Database,
  tables: ReadonlyMap<string, Table>,
  writes: ReadonlyMap<string, Sequenced>,
  context: LedgerInputs,
): AsyncGenerator<{ batch: readonly (readonly [string, Sequenced])[]; shown: readonly Shown[] }, void, void> {
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
      yield { batch, shown: keys.map((write) => versions.get(keyText(table, write))) };
    }
  }
}
