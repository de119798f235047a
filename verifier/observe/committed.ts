import {
  type LedgerCursor,
  type LedgerIntent,
  type LedgerWrite,
  readLedgerEntries,
  startOfLedger,
} from '../ledger.ts';

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

type Sequenced = LastWrite & { readonly sequence: number };

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

export interface LedgerPart {
  readonly last: ReadonlyMap<string, LastWrite>;
  /** What is known when the part is read: what the next one goes on from. */
  readonly after: LedgerState;
  /** Outcomes of transactions that the ledger leaves open, as far as they could be told. */
  readonly settled: ReadonlyMap<string, 'ok' | 'fail'>;
}

/**
 * The last committed write of each key that one part of the ledger writes, the part behind `before`; with what `before`
 * left unjudged. The order of intents is the order of commits per key: a transaction writes its intent while it holds
 * the locks of its rows.
 * @param settle Tells the outcome of transactions that the part leaves open; leaves out what cannot be told.
 * @param only Keys that are wanted; without it all.
 */
export async function readPart(
  path: string,
  { before, endOffset }: { readonly before: LedgerState; readonly endOffset: number },
  settle: SettleIntents,
  only?: ReadonlySet<string>,
): Promise<LedgerPart> {
  const open = new Map(before.open);
  const book = new Book(before.unjudged, only);
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
        book.committed(opened.intent, opened.sequence);
      }
    }
  }
  counts.unknown = open.size;
  const settled = await settle([...open.values()].map(({ intent }) => intent));
  for (const { intent, sequence } of open.values()) {
    const result = settled.get(intent.xid);
    if (result === 'ok') book.committed(intent, sequence);
    else if (result === undefined) book.unsettled(intent);
  }
  const unjudged = new Map(
    [...book.last].filter(([, write]) => write.unsettled.length > 0 && write.sequence >= 0),
  );
  return { last: book.last, after: { cursor, open, counts, unjudged }, settled };
}

/** The last write of each key that is wanted. */
class Book {
  readonly last = new Map<string, Sequenced>();
  readonly #only: ReadonlySet<string> | undefined;

  constructor(unjudged: ReadonlyMap<string, Sequenced>, only: ReadonlySet<string> | undefined) {
    this.#only = only;
    for (const [id, write] of unjudged) {
      if (this.#isWanted(id)) this.last.set(id, { ...write, unsettled: [] });
    }
  }

  committed(intent: LedgerIntent, sequence: number): void {
    for (const [id, write] of this.#wanted(intent)) {
      const known = this.last.get(id);
      if (known !== undefined && known.sequence >= sequence) continue;
      this.last.set(id, { ...write, sequence, unsettled: known?.unsettled ?? [] });
    }
  }

  unsettled(intent: LedgerIntent): void {
    for (const [id, write] of this.#wanted(intent)) {
      const known = this.last.get(id) ?? { ...write, sequence: -1, unsettled: [] };
      this.last.set(id, { ...known, unsettled: [...known.unsettled, intent.xid] });
    }
  }

  *#wanted(intent: LedgerIntent): Generator<[string, LedgerWrite]> {
    for (const write of intent.writes) {
      const id = idOf(write);
      if (this.#isWanted(id)) yield [id, write];
    }
  }

  #isWanted(id: string): boolean {
    return this.#only?.has(id) ?? true;
  }
}

function idOf({ table, key }: LedgerWrite): string {
  return JSON.stringify([table, ...Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
