/**
 * `pipeline/capture/position`: how far the capture has come, in memory and in the offsets topic.
 * In: ends of acknowledged transactions, progress of snapshots.
 * Out: the connector's offset, stored under Kafka Connect's key in the compacted offsets topic.
 * Promises: flushed to PostgreSQL ≤ stored in the offsets topic ≤ acknowledged by Kafka, and a stored position never
 * decreases; a violation stops the task (CDC-1060 to CDC-1062) before anything is stored or flushed.
 */

import { LabError } from '../../contract/errors.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { OffsetStage } from '../../contract/stages.ts';
import { formatLsn, maxLsn } from '../source/lsn-text.ts';
import type { CommitMark } from './commit-mark.ts';
import { formatOffset, type SnapshotJob, type SourceOffset, type TableProgress } from './source-offset.ts';

/**
 * The current offset and the stored one. Only one store is in flight; changes made meanwhile go into the next. A store
 * that fails rejects every caller that waits for it.
 */
export class OffsetBook {
  readonly #stage: OffsetStage;
  #current: SourceOffset;
  #acknowledgedLsn: Lsn;
  #storedLsn: Lsn | undefined;
  #storing: Promise<SourceOffset> | undefined;

  constructor(stage: OffsetStage, start: SourceOffset) {
    this.#stage = stage;
    this.#current = start;
    this.#acknowledgedLsn = start.flushLsn;
  }

  get current(): SourceOffset {
    return this.#current;
  }

  /** Kafka has acknowledged everything that committed before this position: the upper bound of what may be stored. */
  acknowledged(lsn: Lsn): void {
    this.#acknowledgedLsn = maxLsn(this.#acknowledgedLsn, lsn);
  }

  /** The transaction is acknowledged as a whole. */
  committed(mark: CommitMark): void {
    this.#current = {
      ...this.#current,
      flushLsn: maxLsn(this.#current.flushLsn, mark.endLsn),
      lastCommitLsn: mark.endLsn,
      xid: mark.xid,
      commitTimeUs: mark.commitTimeUs,
    };
  }

  /** @throws LabError CDC-1060 if the position is not stored yet: PostgreSQL would discard WAL that is still needed. */
  assertStored(flushLsn: Lsn): void {
    if (this.#storedLsn !== undefined && flushLsn <= this.#storedLsn) return;
    const stored = this.#storedLsn === undefined ? 'nothing' : formatLsn(this.#storedLsn);
    throw violation(
      'CDC-1060',
      `${formatLsn(flushLsn)} would be flushed to PostgreSQL, but ${stored} is stored`,
    );
  }

  change(patch: Partial<SourceOffset>): void {
    this.#current = { ...this.#current, ...patch };
  }

  addSnapshot(job: SnapshotJob): boolean {
    if (this.#current.snapshots.some((known) => known.id === job.id)) return false;
    this.change({ snapshots: [...this.#current.snapshots, job] });
    return true;
  }

  removeSnapshot(id: string): void {
    this.change({ snapshots: this.#current.snapshots.filter((job) => job.id !== id) });
  }

  progress(id: string, table: TableProgress): void {
    const snapshots = this.#current.snapshots.map((job) =>
      job.id !== id
        ? job
        : {
            ...job,
            tables: job.tables.map((known) =>
              known.schema === table.schema && known.table === table.table ? table : known,
            ),
          },
    );
    this.change({ snapshots });
  }

  /**
   * Resolves with a stored offset that is at least as new as the call.
   * @throws LabError CDC-1061, CDC-1062 if the position is not acknowledged or goes backwards; nothing is stored then.
   */
  async store(): Promise<SourceOffset> {
    const before = this.#storing;
    if (before === undefined) return await this.#storeNow();
    // The store in flight may hold less than the current offset: wait for the next one.
    await before;
    return await (this.#storing ?? this.#storeNow());
  }

  async #storeNow(): Promise<SourceOffset> {
    const offset = this.#current;
    this.#assertStorable(offset.flushLsn);
    const storing = this.#stage.store(formatOffset(offset)).then(() => {
      this.#storedLsn = offset.flushLsn;
      return offset;
    });
    this.#storing = storing;
    try {
      return await storing;
    } finally {
      this.#storing = undefined;
    }
  }

  #assertStorable(lsn: Lsn): void {
    if (lsn > this.#acknowledgedLsn) {
      const acknowledged = formatLsn(this.#acknowledgedLsn);
      throw violation(
        'CDC-1061',
        `${formatLsn(lsn)} would be stored, but Kafka has acknowledged ${acknowledged}`,
      );
    }
    if (this.#storedLsn !== undefined && lsn < this.#storedLsn) {
      throw violation('CDC-1062', `${formatLsn(lsn)} would be stored after ${formatLsn(this.#storedLsn)}`);
    }
  }
}

function violation(code: 'CDC-1060' | 'CDC-1061' | 'CDC-1062', what: string): LabError {
  return new LabError(code, `The position of the capture is inconsistent: ${what}.`, {
    remedy:
      'This is a bug in the capture. Restart the task, which resumes at the stored position, and report it.',
  });
}
