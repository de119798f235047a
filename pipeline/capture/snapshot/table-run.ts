import type { Logger, TaskMetrics } from '../../contract/connector.ts';
import { CRASH_POINTS, type CrashPoints } from '../../contract/crash-points.ts';
import type { EncoderConfig, EventContext, EventEncoder, SnapshotMarker } from '../../contract/envelope.ts';
import { LabError, messageOf } from '../../contract/errors.ts';
import type { FastRow } from '../../contract/pgoutput.ts';
import { type ProducedRecord, releaseAll } from '../../contract/records.ts';
import { LEAVE_OUT } from '../../contract/remedies.ts';
import type { PublishStage } from '../../contract/stages.ts';
import { unlessAborted } from '../../contract/wake.ts';
import type { OffsetBook } from '../position/offset-book.ts';
import type { SnapshotJob, TableProgress } from '../position/source-offset.ts';
import { REQUEST_BYTES, recordBytes } from '../publish/publisher.ts';
import type { CatalogueTable } from '../source/catalogue.ts';
import type { Gate } from '../source/gate.ts';
import { formatPosition } from '../source/lsn-text.ts';
import { NO_ROW, type RawRows } from './raw-rows.ts';
import type { RowRate } from './row-rate.ts';
import type { Chunk, SnapshotReader } from './snapshot-reader.ts';
import { sweepRecords } from './sweep-records.ts';

/** Most bytes that are encoded without a break, nearly one request. The stream has its turn between two slices. */
const SLICE_BYTES = 0.9 * REQUEST_BYTES;
/** One slice is in flight while the next is written for Kafka. */
const SLICES_AHEAD = 2;

export interface SnapshotRunOptions {
  readonly reader: SnapshotReader;
  /** Not the stream's encoder: the stream may still be at an earlier shape of the same table. */
  readonly encoder: EventEncoder;
  readonly publish: PublishStage;
  readonly partitionsOf: (topic: string) => number | undefined;
  /** How events name their database, and whether keys have a schema block. */
  readonly events: Pick<EncoderConfig, 'topicPrefix' | 'database' | 'schemasEnable'>;
  readonly book: OffsetBook;
  readonly gate: Gate;
  readonly timeline: number;
  readonly chunkRows: number;
  readonly rate: RowRate;
  readonly log: Logger;
  readonly metrics: TaskMetrics;
  readonly crashPoints: CrashPoints;
  readonly signal: AbortSignal;
}

/** Reads and publishes one table of a snapshot. */
export class TableRun {
  readonly #job: SnapshotJob;
  readonly #table: CatalogueTable;
  readonly #options: SnapshotRunOptions;
  readonly #place: { readonly first: boolean; readonly last: boolean };
  readonly #name: string;
  #progress: TableProgress;
  #published = 0;
  #context: EventContext;
  /** One object for all rows. */
  readonly #change: { readonly tag: 'read'; readonly relationOid: number; after: FastRow };
  /** Slices that Kafka has not acknowledged or whose chunk is not stored yet. */
  readonly #inFlight: Promise<void>[] = [];

  /** @param place Whether the table has the first row of the snapshot, or the last one. */
  constructor(
    job: SnapshotJob,
    table: CatalogueTable,
    progress: TableProgress,
    options: SnapshotRunOptions,
    place: { readonly first: boolean; readonly last: boolean },
  ) {
    this.#job = job;
    this.#table = table;
    this.#options = options;
    this.#place = place;
    this.#name = `${table.schema}.${table.table}`;
    // A table without a key cannot be resumed: it is read from its first row.
    this.#progress = table.key.length === 0 ? { ...progress, lastKey: null, rows: 0 } : progress;
    this.#change = { tag: 'read', relationOid: table.relationOid, after: NO_ROW };
    const { timeline, reader } = options;
    this.#context = {
      position: formatPosition({ timeline, commitLsn: reader.consistentPoint, ordinal: 0 }),
      lsn: reader.consistentPoint,
      lastCommitLsn: null,
      xid: null,
      commitTimeUs: reader.takenAtUs,
      snapshot: 'true',
    };
  }

  /** Returns the number of published rows. The next chunk is read while the current one is sent. */
  async run(): Promise<number> {
    const { reader, encoder, chunkRows, signal, gate } = this.#options;
    const description = reader.describe(this.#table);
    const columns = description.columns.map((column) => column.name);
    encoder.describe(description);
    const read = (after: readonly string[] | null) => {
      const { filter } = this.#progress;
      const chunk = reader.read(this.#table, columns, { afterKey: after, limit: chunkRows, filter });
      // Awaited below; until then a failure must not count as unhandled.
      chunk.catch(() => {});
      return chunk;
    };
    let next: Promise<Chunk> | undefined = read(this.#progress.lastKey);
    let isRead = false;
    try {
      while (next) {
        const chunk: Chunk = await next;
        next = chunk.more ? read(chunk.lastKey) : undefined;
        await gate.unpaused(signal);
        if (chunk.count > 0) await this.#reachCrashPoint();
        if (signal.aborted) break;
        await this.#publish(chunk);
        isRead = !chunk.more && !signal.aborted;
      }
    } finally {
      // The connection must not be closed while it still runs a query.
      await next?.catch(() => {});
      await this.#landed(0);
    }
    if (this.#job.sweep === true && isRead) await this.#sweep();
    return this.#published;
  }

  async #reachCrashPoint(): Promise<void> {
    const { crashPoints, signal } = this.#options;
    // The point promises that the chunk before it is checkpointed when it is announced.
    if (crashPoints.holds(CRASH_POINTS.midSnapshotChunk)) await this.#landed(0);
    const held = crashPoints.reach(CRASH_POINTS.midSnapshotChunk);
    if (held !== undefined) await unlessAborted(held, signal);
  }

  /** Encodes a chunk slice by slice, a few slices ahead of Kafka's acknowledgements. */
  async #publish(chunk: Chunk): Promise<void> {
    let done = 0;
    do {
      const { records, end } = this.#encodeSlice(chunk, done);
      done = end;
      await this.#landed(SLICES_AHEAD - 1);
      await this.#options.rate.take(records.length, this.#options.signal);
      const sent = this.#send(records, done === chunk.count ? chunk : undefined);
      // A later slice awaits it; until then a failure must not count as unhandled.
      sent.catch(() => {});
      this.#inFlight.push(sent);
    } while (done < chunk.count && !this.#options.signal.aborted);
  }

  /** Waits until at most `most` slices are in flight. @throws the failure of an earlier slice. */
  async #landed(most: number): Promise<void> {
    while (this.#inFlight.length > most) await this.#inFlight.shift();
  }

  /** @param chunk Set if it ends with these records. Slices are acknowledged in order, so all of it is safe then. */
  async #send(records: readonly ProducedRecord[], chunk?: Chunk): Promise<void> {
    const { publish, metrics } = this.#options;
    await publish.publish(records);
    metrics.count('published', this.#name, records.length);
    releaseAll(records);
    if (chunk) await this.#checkpoint(chunk);
  }

  /** Encodes the rows from `start` on for one request. `end` is the first row after them. */
  #encodeSlice({ rows, count, more }: Chunk, start: number): { records: ProducedRecord[]; end: number } {
    const records: ProducedRecord[] = [];
    const most = Math.min(count, start + this.#options.rate.sliceRows);
    let bytes = 0;
    let end = start;
    while (end < most && bytes < SLICE_BYTES) {
      this.#mark(this.#marker(!more && end === count - 1));
      const record = this.#encode(rows, end++);
      records.push(record);
      bytes += recordBytes(record);
      this.#published++;
    }
    return { records, end };
  }

  #mark(snapshot: SnapshotMarker): void {
    if (snapshot !== this.#context.snapshot) this.#context = { ...this.#context, snapshot };
  }

  #marker(isLast: boolean): SnapshotMarker {
    if (this.#job.kind === 'incremental') return 'incremental';
    const isFirst = this.#published === 0 && this.#progress.rows === 0;
    // If several markers apply to a row, Debezium uses the first of these.
    if (isFirst && this.#place.first) return 'first';
    if (isLast) return this.#place.last ? 'last' : 'last_in_data_collection';
    return isFirst ? 'first_in_data_collection' : 'true';
  }

  /** Hot path: the fast path first, the decoded row if that gives up. */
  #encode(rows: RawRows, index: number): ProducedRecord {
    const { encoder } = this.#options;
    const { relationOid } = this.#table;
    try {
      this.#change.after = rows.at(index);
      const fast = encoder.encodeFast?.(this.#change, this.#context);
      return fast ?? encoder.read(relationOid, rows.texts(index), this.#context);
    } catch (cause) {
      if (cause instanceof LabError) throw cause;
      throw new LabError(
        'CDC-1034',
        `A row of ${this.#name} cannot be encoded as an event: ${messageOf(cause)}`,
        {
          cause,
          remedy: `Report the value and its type, or ${LEAVE_OUT}.`,
        },
      );
    }
  }

  /** Kafka has every row of the table. Only then the partitions get the records that say so. */
  async #sweep(): Promise<void> {
    const { encoder, partitionsOf, publish, events } = this.#options;
    const { schema, table, key } = this.#table;
    const topic = encoder.topicOf(schema, table);
    const before = this.#progress.sweepBefore ?? this.#context.position;
    const source = { name: events.topicPrefix, db: events.database, schema, table };
    const sweep = { snapshot: this.#job.id, before, key, source };
    const partitions = partitionsOf(topic) ?? 1;
    const keySchemas = events.schemasEnable.key;
    await publish.publish(sweepRecords({ topic, partitions, sweep, keySchemas }));
    await this.#store({ ...this.#progress, done: true });
  }

  async #checkpoint(chunk: Chunk): Promise<void> {
    const sweeps = this.#job.sweep === true;
    const { lastKey, sweepBefore = this.#context.position } = this.#progress;
    await this.#store({
      ...this.#progress,
      lastKey: chunk.lastKey ?? lastKey,
      rows: this.#progress.rows + chunk.count,
      done: !chunk.more && !sweeps,
      // What was read before the first checkpoint is read again.
      ...(sweeps ? { sweepBefore: lastKey === null ? this.#context.position : sweepBefore } : {}),
    });
  }

  async #store(progress: TableProgress): Promise<void> {
    const { book, log } = this.#options;
    this.#progress = progress;
    book.progress(this.#job.id, progress);
    await book.store();
    log.debug('Snapshot chunk stored.', {
      snapshot: this.#job.id,
      table: this.#name,
      rows: this.#progress.rows,
      done: this.#progress.done,
    });
  }
}
