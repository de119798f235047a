import { type FatedRecord, isOlder } from './fates.ts';
import type { LedgerCommit, RowLife, StoredRow } from './row-life.ts';

/** What the sink should have: the row as the source has it. */
export interface Target {
  /** Null if the sink should have no row. */
  readonly row: StoredRow | null;
  readonly version: number | null;
  /** The commit that produced it; undefined if it is not in the ledger. */
  readonly commit: LedgerCommit | undefined;
  /** The record that carries it; undefined if the topic has none. */
  readonly carried: FatedRecord | undefined;
}

/** @param last The last commit of the row in the ledger. */
export function targetOf(
  life: RowLife,
  last: LedgerCommit | undefined,
  fates: readonly FatedRecord[],
): Target {
  const { source } = life;
  // If the source could not be read, the ledger has the latest known state.
  const fromLedger = last === undefined || last.op === 'd' ? null : { version: last.version, metadata: {} };
  const row = source === undefined ? fromLedger : source;
  const newest = newestOf(fates);
  if (row === null) {
    const commit = last?.op === 'd' ? last : undefined;
    return { row, version: null, commit, carried: newest?.record.op === 'd' ? newest : undefined };
  }
  const { version } = row;
  const writes = (life.commits ?? []).filter((one) => one.op !== 'd' && one.outcome === 'ok');
  const commit = version === null ? writes.at(-1) : writes.findLast((one) => one.version === version);
  const carried =
    version === null ? newest : sinceDelete(fates).find(({ record }) => (record.version ?? 0) >= version);
  return { row, version, commit, carried: carried?.record.op === 'd' ? undefined : carried };
}

/** Events since the key was last deleted: a row that is inserted again starts at version 1 again. */
function sinceDelete(fates: readonly FatedRecord[]): readonly FatedRecord[] {
  const gone = newestOf(fates.filter(({ record }) => record.op === 'd'))?.record;
  const events = fates.filter(({ record }) => record.op !== null && record.op !== 'd');
  return gone === undefined
    ? events
    : events.filter(({ record }) => !isOlder(record.position, gone.position));
}

/** The newest event by position. An event that was resent does not become newer. */
export function newestOf(fates: readonly FatedRecord[]): FatedRecord | undefined {
  return fates
    .filter(({ record }) => record.op !== null)
    .reduce<FatedRecord | undefined>((newest, one) => {
      if (newest === undefined) return one;
      const { position } = one.record;
      const isNotNewer = isOlder(position, newest.record.position) || position === newest.record.position;
      return isNotNewer && position !== null ? newest : one;
    }, undefined);
}
