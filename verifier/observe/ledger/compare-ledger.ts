import { statSync } from 'node:fs';
import { messageOf } from '../../../pipeline/contract/errors.ts';
import type { Database } from '../../connection/postgres.ts';
import type { Report } from '../../report.ts';
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

/** The ledger compared with the source. */
export interface LedgerComparison {
  readonly wrong: readonly WrongWrites[];
  /** True if so much is wrong that the rest of the ledger was not compared. */
  readonly cut: boolean;
  /** Why transactions could not be settled, one sentence each. */
  readonly undecided: readonly string[];
  /** Why a table could not be read, by its id. Its writes are compared by the next verification. */
  readonly unread: ReadonlyMap<string, string>;
  /** Keys compared now; a key counts once for each part of the ledger that writes it. */
  readonly keys: number;
  /** Transactions that an earlier verification has compared. */
  readonly before: number;
  readonly counts: NonNullable<Report['ledger']>;
}

const KEYS_PER_QUERY = 5_000;

/** Limits of memory. They do not change what is found. */
export interface LedgerLimits {
  /** Bytes of the ledger that are read at once. */
  readonly partBytes: number;
  /** Keys held because a later part of the ledger may explain them. If many more are wrong, the comparison stops. */
  readonly suspects: number;
}

/** A part is some 20,000 writes and takes 12 MB of memory; the suspects take 50 MB. */
const LIMITS: LedgerLimits = { partBytes: 4 * 1024 * 1024, suspects: 1_500_000 };

export interface LedgerInputs {
  /** Path of the ledger. */
  readonly path: string;
  readonly source: Database;
  /** Tables whose rows can be compared. */
  readonly expected: readonly Table[];
  readonly versionColumn: string;
  readonly signal: AbortSignal;
  /** What the last verification has found right; undefined: all of the ledger is read. */
  readonly memory?: LedgerMemory | undefined;
}

/**
 * Compares the last committed write of each key with the row at the source, one part of the ledger after the other.
 * @throws LabError CDC-4101 if the ledger is damaged; an error if the source does not answer or `signal` is aborted.
 */
export async function compareLedger(
  inputs: LedgerInputs,
  own: Partial<LedgerLimits> = {},
): Promise<LedgerComparison> {
  const limits = { ...LIMITS, ...own };
  const { path, source, versionColumn } = inputs;
  const memory = inputs.memory ?? new LedgerMemory();
  const { before, endOffset, commit } = memory.begin(path, await incarnationOf(source));
  const tables = new Map(inputs.expected.map((table) => [table.id, table]));
  const settling = await settlement(source, tables, versionColumn);
  const suspects = new Suspects();
  const unread = new Map<string, string>();
  let [state, keys, room, cut] = [before, 0, limits.suspects, false];
  let settled: ReadonlyMap<string, 'ok' | 'fail'> = new Map();
  for (const end of partEnds(before.cursor.byteOffset, endOffset, limits.partBytes)) {
    const settle = end === endOffset ? settling.settle : leaveOpen;
    const part = await readPart(path, { before: state, endOffset: end }, settle);
    ({ after: state, settled } = part);
    for await (const { batch, shown } of shownFor(inputs, tables, part.last, unread)) {
      keys += batch.length;
      for (const [i, [id, write]] of batch.entries()) {
        // A later part overrides an earlier one, which may hold a write that has been overwritten since.
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
  const wrong = await confirmed(suspects, path, state, settling);
  // As long as something is wrong or not settled, the next verification compares it again.
  const undecided = [...settling.undecided.values()];
  if (wrong.length + undecided.length + unread.size === 0) commit(state);
  const counts = { ...state.counts, ...outcomesOf(settled) };
  return { wrong, cut, undecided, unread, keys, before: before.counts.transactions, counts };
}

/** A transaction that is open at the end of a part other than the last may be closed in the next one. */
const leaveOpen: SettleIntents = async () => new Map();

/** Clears suspects that a later transaction wrote, according to the ledger from `before` to its present end. */
async function clearOverwritten(
  suspects: Suspects,
  path: string,
  before: LedgerState,
  { settle }: Pick<Settlement, 'settle'>,
): Promise<void> {
  const book: Book = {
    committed: (id, _, sequence) => suspects.clear(id, sequence),
    // While parts are read, an unsettled write clears nothing: it may be settled by the end.
    unsettled: (id) => settle !== leaveOpen && suspects.clear(id, Number.POSITIVE_INFINITY),
  };
  await readInto(book, path, { before, endOffset: statSync(path).size }, settle);
}

/**
 * The suspects whose suspected write is still the last one of its key in the whole ledger. Writes may have come since
 * the ledger was read, and an outcome that arrived late may belong to an intent in an earlier part.
 */
async function confirmed(
  suspects: Suspects,
  path: string,
  after: LedgerState,
  own: Settlement,
): Promise<readonly WrongWrites[]> {
  // Under writes, the little that has come since clears nearly all of them.
  if (suspects.size > 0) await clearOverwritten(suspects, path, after, own);
  if (suspects.size > 0) await clearOverwritten(suspects, path, unreadLedger(), own);
  if (suspects.size === 0) return [];
  const book = new WrongBook(suspects);
  await readInto(book, path, { before: unreadLedger(), endOffset: statSync(path).size }, own.settle);
  return book.groups;
}

/** Changes with every start of the server: a crash may have lost what was committed before. */
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

/**
 * What the source shows for each write that is certain and whose table has a key.
 * @param unread Gets the tables that cannot be read, with the reason; they are not tried again.
 */
async function* shownFor(
  { source, versionColumn, signal }: LedgerInputs,
  tables: ReadonlyMap<string, Table>,
  writes: ReadonlyMap<string, Sequenced>,
  unread: Map<string, string>,
): AsyncGenerator<{ batch: readonly (readonly [string, Sequenced])[]; shown: readonly Shown[] }, void, void> {
  const certain = [...writes]
    .filter(([, { unsettled }]) => unsettled.length === 0)
    // Neighbouring keys share index pages: if the index does not fit into memory, random order reads each page many times.
    .sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, own] of Map.groupBy(certain, ([, write]) => write.table)) {
    const table = tables.get(name);
    if (table === undefined || table.key.length === 0) continue;
    for (let i = 0; i < own.length && !unread.has(name); i += KEYS_PER_QUERY) {
      signal.throwIfAborted();
      const batch = own.slice(i, i + KEYS_PER_QUERY);
      const keys = batch.map(([, write]) => write);
      const versions = await readVersions(source, table, keys, versionColumn).catch((error: unknown) => {
        if (!source.isOpen) throw error;
        unread.set(name, messageOf(error));
      });
      if (versions === undefined) break;
      yield { batch, shown: keys.map((write) => versions.get(keyText(table, write))) };
    }
  }
}
