import { type LedgerIntent, readLedgerEntries } from '../observe/ledger/ledger.ts';
import type { LedgerCommit } from './row-life.ts';

/** A row's writes in a ledger: the last `max` of them, and the number of earlier ones. */
export interface LedgerHistory {
  readonly commits: readonly LedgerCommit[];
  readonly leftOut: number;
}

/**
 * Reads the writes of one key from a ledger, oldest first, in one pass and bounded memory. For one key, the order of
 * intents is the order of commits, because an intent is written while the transaction holds the row's lock.
 * @throws LabError CDC-4101 for a file that is not a ledger.
 */
export async function readCommits(
  path: string,
  row: { readonly table: string; readonly key: Readonly<Record<string, string>> },
  max: number,
): Promise<LedgerHistory> {
  const commits: LedgerCommit[] = [];
  /** The writes of transactions without a certain outcome so far. */
  const open = new Map<number, LedgerCommit[]>();
  let leftOut = 0;
  for await (const entry of readLedgerEntries(path)) {
    if (entry.t === 'intent') {
      const own = writesOf(entry, row);
      if (own.length === 0) continue;
      open.set(entry.tx, own);
      commits.push(...own);
      while (commits.length > max) {
        commits.shift();
        leftOut++;
      }
    } else if (entry.t === 'outcome' && entry.result !== 'unknown') {
      for (const write of open.get(entry.tx) ?? []) {
        const at = commits.indexOf(write);
        if (at >= 0) commits[at] = { ...write, outcome: entry.result };
      }
      open.delete(entry.tx);
    }
  }
  return { commits, leftOut };
}

function writesOf(
  { tx, xid, at, writes }: LedgerIntent,
  { table, key }: { readonly table: string; readonly key: Readonly<Record<string, string>> },
): LedgerCommit[] {
  const names = Object.keys(key);
  return writes
    .filter((write) => write.table === table && names.every((name) => write.key[name] === key[name]))
    .map(({ op, version }) => ({ tx, xid, op, version, at, outcome: 'unknown' }));
}
