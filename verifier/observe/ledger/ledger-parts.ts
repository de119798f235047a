import {
  type LedgerCursor,
  type LedgerIntent,
  type LedgerWrite,
  readLedgerEntries,
  startOfLedger,
} from './ledger.ts';

/** The last write of one key in the ledger. */
export interface LastWrite {
  readonly table: string;
  readonly key: Readonly<Record<string, string>>;
  readonly op: LedgerWrite['op'];
  readonly version: number;
  /** Xids of unsettled transactions that wrote the key; empty if the write is certain. */
  readonly unsettled: readonly string[];
}

export interface LedgerCounts {
  transactions: number;
  committed: number;
  failed: number;
  unknown: number;
}

/** Outcomes by xid. A transaction whose outcome cannot be determined is left out. */
export type SettleIntents = (intents: readonly LedgerIntent[]) => Promise<ReadonlyMap<string, 'ok' | 'fail'>>;

export type Sequenced = LastWrite & { readonly sequence: number };

/** What is known of a ledger up to one byte. */
export interface LedgerState {
  readonly cursor: LedgerCursor;
  /** Transactions without a certain outcome, by their id in the ledger. */
  readonly open: ReadonlyMap<number, { readonly sequence: number; readonly intent: LedgerIntent }>;
  readonly counts: Readonly<LedgerCounts>;
  /** Writes that could not be judged because an open transaction may have written their key. */
  readonly unjudged: ReadonlyMap<string, Sequenced>;
}

export function unreadLedger(): LedgerState {
  const counts = { transactions: 0, committed: 0, failed: 0, unknown: 0 };
  return { cursor: startOfLedger(), open: new Map(), counts, unjudged: new Map() };
}

/** Where each part of a ledger ends. A line that crosses the end of a part belongs to the next part. */
export function* partEnds(from: number, to: number, partBytes: number): Generator<number, void, void> {
  for (let end = from + partBytes; end < to; end += partBytes) yield end;
  yield to;
}

/** Receives the writes of a ledger. */
export interface Book {
  /** Called in the order of the outcomes; `sequence` gives the order of the commits of one key. */
  committed(id: string, write: LedgerWrite, sequence: number): void;
  /** The transaction may have committed or not. */
  unsettled(id: string, write: LedgerWrite, xid: string): void;
}

export interface LedgerPart {
  readonly last: ReadonlyMap<string, Sequenced>;
  /** What is known after the part: the next part continues from it. */
  readonly after: LedgerState;
  /** Outcomes of transactions that the ledger leaves open, as far as they could be settled. */
  readonly settled: ReadonlyMap<string, 'ok' | 'fail'>;
}

/** The stretch of a ledger to read. */
export interface LedgerRange {
  readonly before: LedgerState;
  readonly endOffset: number;
}

/**
 * The last committed write of each key in the part of the ledger behind `before`, and of the keys that `before` left
 * unjudged.
 * @param settle Determines the outcome of transactions that the part leaves open.
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
 * Enters one part of the ledger into a book. For each key, intents are in the order of the commits, because a
 * transaction writes its intent while it holds the locks on its rows.
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
      // The server reused the id, so the first transaction was not in the WAL when the server crashed.
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

/** Keeps the last write of each key. */
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
