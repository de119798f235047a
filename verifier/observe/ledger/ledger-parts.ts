import {
  type LedgerCursor,
  type LedgerIntent,
  type LedgerWrite,
  readLedgerEntries,
  startOfLedger,
} from './ledger.ts';

/** What the ledger last says of one key. */
export interface LastWrite {
  readonly table: string;
  readonly key: Readonly<Record<string, string>>;
  readonly op: LedgerWrite['op'];
  readonly version: number;
  /** Xids of unsettled transactions that touched the key; empty where all is known. */
  readonly unsettled: readonly string[];
}

export interface LedgerCounts {
  transactions: number;
  committed: number;
  failed: number;
  unknown: number;
}

/** Outcomes by xid of those transactions whose outcome can be told. */
export type SettleIntents = (intents: readonly LedgerIntent[]) => Promise<ReadonlyMap<string, 'ok' | 'fail'>>;

export type Sequenced = LastWrite & { readonly sequence: number };

/** What is known of a ledger up to a byte. */
export interface LedgerState {
  readonly cursor: LedgerCursor;
  /** Transactions without a certain outcome, by their number. */
  readonly open: ReadonlyMap<number, { readonly sequence: number; readonly intent: LedgerIntent }>;
  readonly counts: Readonly<LedgerCounts>;
  /** Writes that could not be judged because an open transaction may have touched their key. */
  readonly unjudged: ReadonlyMap<string, Sequenced>;
}

export function unreadLedger(): LedgerState {
  const counts = { transactions: 0, committed: 0, failed: 0, unknown: 0 };
  return { cursor: startOfLedger(), open: new Map(), counts, unjudged: new Map() };
}

/** Where the parts of a ledger end; the last is its end. A part that ends within a line leaves it to the next. */
export function* partEnds(from: number, to: number, partBytes: number): Generator<number, void, void> {
  for (let end = from + partBytes; end < to; end += partBytes) yield end;
  yield to;
}

/** Takes in what a ledger says. */
export interface Book {
  /** Transactions come in the order of their outcomes; `sequence` is the order of their commits per key. */
  committed(id: string, write: LedgerWrite, sequence: number): void;
  /** The transaction may have committed. */
  unsettled(id: string, write: LedgerWrite, xid: string): void;
}

export interface LedgerPart {
  readonly last: ReadonlyMap<string, Sequenced>;
  /** What is known when the part is read: what the next one goes on from. */
  readonly after: LedgerState;
  /** Outcomes of transactions that the ledger leaves open, as far as they could be told. */
  readonly settled: ReadonlyMap<string, 'ok' | 'fail'>;
}

/** Where to read a ledger: from what is known of it to a byte. */
export interface LedgerRange {
  readonly before: LedgerState;
  readonly endOffset: number;
}

/**
 * The last committed write of each key that one part of the ledger writes, the part behind `before`; with what `before`
 * left unjudged.
 * @param settle Tells the outcome of transactions that the part leaves open; leaves out what cannot be told.
 */
export async function readPart(path: string, range: LedgerRange, settle: SettleIntents): Promise<LedgerPart> {
  const book = new LastWrites();
  const { after, settled } = await readInto(book, path, range, settle);
  const unjudged = new Map(
    [...book.last].filter(([, write]) => write.unsettled.length > 0 && write.sequence >= 0),
  );
  return { last: book.last, after: { ...after, unjudged }, settled };
}

/**
 * Enters one part of the ledger into a book. The order of intents is the order of commits per key: a transaction writes
 * its intent while it holds the locks of its rows.
 */
export async function readInto(
  book: Book,
  path: string,
  { before, endOffset }: LedgerRange,
  settle: SettleIntents,
): Promise<{ after: Omit<LedgerState, 'unjudged'>; settled: ReadonlyMap<string, 'ok' | 'fail'> }> {
  const open = new Map(before.open);
  for (const [id, write] of before.unjudged) book.committed(id, write, write.sequence);
  const committed = ({ writes }: LedgerIntent, sequence: number): void => {
    for (const write of writes) book.committed(idOf(write), write, sequence);
  };
  const counts = { ...before.counts };
  const cursor = { ...before.cursor };
  for await (const entry of readLedgerEntries(path, { cursor, endOffset })) {
    if (entry.t === 'intent') {
      // A transaction whose id was given to another was in no WAL when the server crashed.
      if (open.has(entry.tx)) counts.failed++;
      open.set(entry.tx, { sequence: counts.transactions++, intent: entry });
    } else if (entry.t === 'outcome' && entry.result !== 'unknown') {
      const opened = open.get(entry.tx);
      if (opened === undefined) continue;
      open.delete(entry.tx);
      if (entry.result === 'fail') counts.failed++;
      else {
        counts.committed++;
        committed(opened.intent, opened.sequence);
      }
    }
  }
  counts.unknown = open.size;
  const settled = await settle([...open.values()].map(({ intent }) => intent));
  for (const { intent, sequence } of open.values()) {
    const result = settled.get(intent.xid);
    if (result === 'ok') committed(intent, sequence);
    else if (result === undefined)
      for (const write of intent.writes) book.unsettled(idOf(write), write, intent.xid);
  }
  return { after: { cursor, open, counts }, settled };
}

const SETTLED: readonly string[] = [];

/** The last write of each key. */
class LastWrites implements Book {
  readonly last = new Map<string, Sequenced>();

  committed(id: string, { table, key, op, version }: LedgerWrite, sequence: number): void {
    const known = this.last.get(id);
    if (known !== undefined && known.sequence >= sequence) return;
    this.last.set(id, { table, key, op, version, sequence, unsettled: known?.unsettled ?? SETTLED });
  }

  unsettled(id: string, write: LedgerWrite, xid: string): void {
    const known = this.last.get(id) ?? { ...write, sequence: -1, unsettled: SETTLED };
    this.last.set(id, { ...known, unsettled: [...known.unsettled, xid] });
  }
}

function idOf({ table, key }: LedgerWrite): string {
  const columns = Object.entries(key);
  if (columns.length > 1) columns.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([table, ...columns]);
}
