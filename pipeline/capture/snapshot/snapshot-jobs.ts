import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import type { TaskContext } from '../../contract/connector.ts';
import type { EventEncoder } from '../../contract/envelope.ts';
import type { PublishStage } from '../../contract/stages.ts';
import type { SourceConfig } from '../config/source-config.ts';
import type { OffsetBook } from '../position/offset-book.ts';
import type { SnapshotJob, SourceOffset } from '../position/source-offset.ts';
import { publishedTables } from '../source/catalogue.ts';
import type { Gate } from '../source/gate.ts';
import type { CreatedSlot } from '../source/slot.ts';
import { readWhole } from './read-whole.ts';
import { RowRate } from './row-rate.ts';
import { isFirstSnapshot } from './snapshot-job.ts';
import { SnapshotReader } from './snapshot-reader.ts';
import { runSnapshot } from './snapshot-run.ts';

export interface SnapshotJobsOptions {
  readonly config: SourceConfig;
  readonly context: TaskContext;
  readonly gate: Gate;
  /** For the catalogue. */
  readonly sql: Client;
  readonly publish: PublishStage;
  /** Number of a topic's partitions; undefined before its first record. */
  readonly partitionsOf: (topic: string) => number | undefined;
  readonly book: OffsetBook;
  readonly timeline: number;
  readonly createEncoder: () => EventEncoder;
  /** Called when a job has run to its end: earlier failures are over. */
  readonly onProgress: () => void;
  /** Called when a job that {@link SnapshotJobs.start} started has failed. */
  readonly onFailed: (error: unknown) => void;
  /** Ends every job. */
  readonly signal: AbortSignal;
}

/** Runs the snapshots that the book holds, one at a time. */
export class SnapshotJobs implements AsyncDisposable {
  readonly #options: SnapshotJobsOptions;
  /** Of all jobs together. */
  readonly #rate: RowRate;
  #running: { readonly id: string; readonly cancel: AbortController } | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(options: SnapshotJobsOptions) {
    this.#options = options;
    this.#rate = new RowRate(options.config.snapshot.maxRowsPerSecond);
  }

  /** Id of the running job. */
  get runningId(): string | undefined {
    return this.#running?.id;
  }

  /** Starts the next job that is in the stored offset, unless one is running; each job starts the next. */
  start(stored: SourceOffset): void {
    const { book, signal, onFailed } = this.#options;
    if (this.#running !== undefined || signal.aborted) return;
    const isWanted = ({ id }: SnapshotJob) => book.current.snapshots.some((job) => job.id === id);
    const job = stored.snapshots.find(isWanted);
    if (job === undefined) return;
    this.#queue = this.run(job)
      .then(() => this.start(book.current))
      .catch(onFailed);
  }

  cancel(id: string): void {
    if (this.#running?.id === id) this.#running.cancel.abort();
  }

  /**
   * Runs one job until it is done, canceled or aborted.
   * @param created The snapshot that a new slot has just exported; without it, a temporary slot makes one.
   */
  async run(job: SnapshotJob, created?: CreatedSlot): Promise<void> {
    const { config, context, gate, book, publish, partitionsOf, sql, timeline, signal } = this.#options;
    const cancel = new AbortController();
    this.#running = { id: job.id, cancel };
    if (job.kind === 'blocking') gate.hold('blocking-snapshot');
    try {
      await using reader = await this.#open(created);
      // Without the slot's own snapshot, a first snapshot is read at a later position than the stream starts at.
      const ready = created || !isFirstSnapshot(job) ? job : await readWhole(job, reader, book, sql);
      const { incrementalChunkSize, fetchSize } = config.snapshot;
      await runSnapshot(ready, {
        reader,
        encoder: this.#options.createEncoder(),
        publish,
        partitionsOf,
        events: config.encoder,
        book,
        gate,
        timeline,
        rate: this.#rate,
        chunkRows: job.kind === 'incremental' ? incrementalChunkSize : fetchSize,
        log: context.log,
        metrics: context.metrics,
        crashPoints: context.crashPoints,
        signal: AbortSignal.any([signal, cancel.signal]),
      });
      this.#options.onProgress();
    } finally {
      this.#running = undefined;
      if (job.kind === 'blocking') gate.release('blocking-snapshot');
    }
  }

  async #open(created: CreatedSlot | undefined): Promise<SnapshotReader> {
    const { config, sql } = this.#options;
    const published = await publishedTables(sql, config.publication.name);
    if (created) return await SnapshotReader.open(config, created, published);
    const slotName = `${config.slot.name.slice(0, 45)}_tmp_${randomUUID().slice(0, 8)}`;
    return await SnapshotReader.openNow(config, published, slotName);
  }

  /** Waits for the running job, which the signal ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    let last: Promise<void> | undefined;
    while (last !== this.#queue) {
      last = this.#queue;
      await last;
    }
  }
}
