import { existsSync } from 'node:fs';
import type { VerifierConfig } from '../config.ts';
import type { Database } from '../connection/postgres.ts';
import { settlement } from '../observe/ledger/settlement.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { readCommits } from './ledger-commits.ts';
import type { LedgerCommit } from './row-life.ts';

/** A row of a table. */
export interface RowPlace {
  readonly table: Table;
  readonly key: Readonly<Record<string, string>>;
}

/** What the ledger says about a row. */
export interface LedgerReading {
  /** Null if there is no ledger. */
  readonly commits: readonly LedgerCommit[] | null;
  /** Earlier commits that `max` left out. */
  readonly leftOut: number;
  /** What could not be seen, one sentence each. */
  readonly unseen: readonly string[];
}

/** Reads a row's commits. An unknown outcome is settled as far as the source shows it. @param max Commits to keep. */
export async function readLedger(
  source: Database,
  config: VerifierConfig,
  { table, key }: RowPlace,
  max: number,
): Promise<LedgerReading> {
  if (config.ledger === null || !existsSync(config.ledger)) {
    const unseen = ['there is no ledger, so a commit is seen only if it reached the topic'];
    return { commits: null, leftOut: 0, unseen };
  }
  const { commits: read, leftOut } = await readCommits(config.ledger, { table: table.id, key }, max);
  const unseen =
    read.length === 0
      ? ['the ledger has no write of this row: it was seeded, or written by another client']
      : [];
  const commits: LedgerCommit[] = [];
  for (const commit of read) {
    const isUnknown = commit.outcome === 'unknown';
    commits.push(isUnknown ? await settled(source, config, { table, key }, commit) : commit);
  }
  return { commits, leftOut, unseen };
}

/** Whether the ledger has further writes of the row by now: a row that is absent may have been deleted since. */
export async function hasNewWrites(
  config: VerifierConfig,
  { table, key }: RowPlace,
  before: LedgerReading,
): Promise<boolean> {
  if (config.ledger === null || before.commits === null) return false;
  const { commits, leftOut } = await readCommits(config.ledger, { table: table.id, key }, 1);
  return commits.length + leftOut > before.commits.length + before.leftOut;
}

/** Settles an unknown outcome as the ledger check does, from this row's write alone. */
async function settled(
  source: Database,
  { versionColumn }: VerifierConfig,
  { table, key }: RowPlace,
  commit: LedgerCommit,
): Promise<LedgerCommit> {
  const { settle } = await settlement(source, new Map([[table.id, table]]), versionColumn);
  const { tx, xid, at, op, version } = commit;
  const outcomes = await settle([
    { t: 'intent', tx, xid, at, writes: [{ table: table.id, key, op, version }] },
  ]);
  return { ...commit, outcome: outcomes.get(xid) ?? 'unknown' };
}
