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

/** Counts of transactions; their outcome is `unknown` where the last entry says so or there is none. */
export async function countLedger(path: string): Promise<LedgerCounts & { readonly unknownXids: string[] }> {
  const open = new Map<number, string>();
  const counts = { transactions: 0, committed: 0, failed: 0, unknown: 0 };
  for await (const entry of readLedgerEntries(path)) {
    if (entry.t === 'intent') {
      counts.transactions++;
      open.set(entry.tx, entry.xid);
    } else if (entry.t === 'outcome' && entry.result !== 'unknown' && open.delete(entry.tx)) {
      if (entry.result === 'ok') counts.committed++;
      else counts.failed++;
    }
  }
  counts.unknown = open.size;
  return { ...counts, unknownXids: [...open.values()] };
}

/**
 * The last committed write of each key of one share of the keys. The order of intents is the order of commits per
 * key: a transaction writes its intent while it holds the locks of its rows.
 * @param settle Outcome of a transaction that the ledger leaves unknown; undefined where that cannot be told.
 */
export async function lastWrites(
  path: string,
  share: { readonly pass: number; readonly passes: number },
  settle: (xid: string) => 'ok' | 'fail' | undefined,
): Promise<ReadonlyMap<string, LastWrite>> {
  const open = new Map<number, { readonly sequence: number; readonly intent: LedgerIntent }>();
  const last = new Map<string, LastWrite & { readonly sequence: number }>();
  const apply = (intent: LedgerIntent, sequence: number, result: 'ok' | 'unknown'): void => {
    for (const write of intent.writes) {
      const id = idOf(write);
      if (shareOf(id, share.passes) !== share.pass) continue;
      const known = last.get(id);
      const unsettled = known?.unsettled ?? [];
      if (result === 'unknown') {
        const base = known ?? { ...write, sequence: -1 };
        last.set(id, { ...base, unsettled: [...unsettled, intent.xid] });
      } else if (known === undefined || known.sequence < sequence) {
        last.set(id, { ...write, sequence, unsettled });
      }
    }
  };
  let sequence = 0;
  for await (const entry of readLedgerEntries(path)) {
    if (entry.t === 'intent') open.set(entry.tx, { sequence: sequence++, intent: entry });
    else if (entry.t === 'outcome' && entry.result !== 'unknown') {
      const opened = open.get(entry.tx);
      open.delete(entry.tx);
      if (opened !== undefined && entry.result === 'ok') apply(opened.intent, opened.sequence, 'ok');
    }
  }
  for (const { intent, sequence: at } of open.values()) {
    const result = settle(intent.xid);
    if (result !== 'fail') apply(intent, at, result ?? 'unknown');
  }
  return last;
}

function idOf({ table, key }: LedgerWrite): string {
  return JSON.stringify([table, ...Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function shareOf(id: string, passes: number): number {
  return passes === 1 ? 0 : createHash('md5').update(id).digest().readUInt32LE(0) % passes;
}
