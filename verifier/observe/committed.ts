import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type LedgerIntent, type LedgerWrite, readLedgerEntries } from '../ledger.ts';

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

/** Ledger read at once per pass: bounds the keys that are held. */
const BYTES_PER_PASS = 64 * 1024 * 1024;

/** In how many passes a ledger of that size is read. */
export async function passesOf(path: string): Promise<number> {
  return Math.max(1, Math.ceil((await stat(path)).size / BYTES_PER_PASS));
}

export type SettleXids = (xids: readonly string[]) => Promise<ReadonlyMap<string, 'ok' | 'fail'>>;

export interface LedgerShare {
  readonly last: ReadonlyMap<string, LastWrite>;
  readonly counts: LedgerCounts;
  /** Outcomes of transactions that the ledger leaves open, as far as they could be told. */
  readonly settled: ReadonlyMap<string, 'ok' | 'fail'>;
}

/**
 * The last committed write of each key of one share of the keys, and the counts of all transactions. The order of
 * intents is the order of commits per key: a transaction writes its intent while it holds the locks of its rows.
 * @param settle Tells the outcome of transactions that the ledger leaves open; leaves out what cannot be told.
 */
export async function readShare(
  path: string,
  share: { readonly pass: number; readonly passes: number },
  settle: SettleXids,
): Promise<LedgerShare> {
  const open = new Map<number, { readonly sequence: number; readonly intent: LedgerIntent }>();
  const book = new Book(share);
  const counts = { transactions: 0, committed: 0, failed: 0, unknown: 0 };
  for await (const entry of readLedgerEntries(path)) {
    if (entry.t === 'intent') open.set(entry.tx, { sequence: counts.transactions++, intent: entry });
    else if (entry.t === 'outcome' && entry.result !== 'unknown') {
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
  const settled = await settle([...open.values()].map(({ intent }) => intent.xid));
  for (const { intent, sequence } of open.values()) {
    const result = settled.get(intent.xid);
    if (result === 'ok') book.committed(intent, sequence);
    else if (result === undefined) book.unsettled(intent);
  }
  return { last: book.last, counts, settled };
}

/** The last write of each key of one share. */
class Book {
  readonly last = new Map<string, LastWrite & { readonly sequence: number }>();
  readonly #share: { readonly pass: number; readonly passes: number };

  constructor(share: { readonly pass: number; readonly passes: number }) {
    this.#share = share;
  }

  committed(intent: LedgerIntent, sequence: number): void {
    for (const [id, write] of this.#own(intent)) {
      const known = this.last.get(id);
      if (known !== undefined && known.sequence >= sequence) continue;
      this.last.set(id, { ...write, sequence, unsettled: known?.unsettled ?? [] });
    }
  }

  unsettled(intent: LedgerIntent): void {
    for (const [id, write] of this.#own(intent)) {
      const known = this.last.get(id) ?? { ...write, sequence: -1, unsettled: [] };
      this.last.set(id, { ...known, unsettled: [...known.unsettled, intent.xid] });
    }
  }

  *#own(intent: LedgerIntent): Generator<[string, LedgerWrite]> {
    for (const write of intent.writes) {
      const id = idOf(write);
      if (shareOf(id, this.#share.passes) === this.#share.pass) yield [id, write];
    }
  }
}

function idOf({ table, key }: LedgerWrite): string {
  return JSON.stringify([table, ...Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function shareOf(id: string, passes: number): number {
  return passes === 1 ? 0 : createHash('md5').update(id).digest().readUInt32LE(0) % passes;
}
