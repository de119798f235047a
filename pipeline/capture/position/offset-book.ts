import type { OffsetStage } from '../../contract/stages.ts';
import { maxLsn } from '../source/lsn-text.ts';
import type { CommitMark } from './commit-mark.ts';
import { formatOffset, type SnapshotJob, type SourceOffset, type TableProgress } from './source-offset.ts';

/**
 * The position as it is now, and as it is stored. Stores are one at a time; what changes meanwhile goes into
 * the next. A store that fails fails everybody who waits for it.
 */
export class OffsetBook {
  readonly #stage: OffsetStage;
  #current: SourceOffset;
  #storing: Promise<SourceOffset> | undefined;

  constructor(stage: OffsetStage, start: SourceOffset) {
    this.#stage = stage;
    this.#current = start;
  }

  get current(): SourceOffset {
    return this.#current;
  }

  /** Everything up to the end of this transaction is acknowledged by Kafka. */
  committed(mark: CommitMark): void {
    this.#current = {
      ...this.#current,
      flushLsn: maxLsn(this.#current.flushLsn, mark.endLsn),
      lastCommitLsn: mark.endLsn,
      xid: mark.xid,
      commitTimeUs: mark.commitTimeUs,
    };
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

  /** Resolves with an offset that is in the offsets topic and not older than the call. */
  async store(): Promise<SourceOffset> {
    const before = this.#storing;
    if (before === undefined) return await this.#storeNow();
    // The store on its way may hold less than there is now: wait for the next one.
    await before;
    return await (this.#storing ?? this.#storeNow());
  }

  async #storeNow(): Promise<SourceOffset> {
    const offset = this.#current;
    const storing = this.#stage.store(formatOffset(offset)).then(() => offset);
    this.#storing = storing;
    try {
      return await storing;
    } finally {
      this.#storing = undefined;
    }
  }
}
