import type { Logger, TaskMetrics } from '../../contract/connector.ts';
import { CRASH_POINTS, type CrashPoints } from '../../contract/crash-points.ts';
import type { EventContext, EventEncoder, SnapshotMarker } from '../../contract/envelope.ts';
import { LabError, messageOf } from '../../contract/errors.ts';
import type { FastRow } from '../../contract/pgoutput.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { PublishStage } from '../../contract/stages.ts';
import { unlessAborted } from '../../contract/wake.ts';
import type { OffsetBook } from '../position/offset-book.ts';
import type { SnapshotJob, TableProgress } from '../position/source-offset.ts';
import { REQUEST_BYTES, recordBytes } from '../publish/publisher.ts';
import type { CatalogueTable } from '../source/catalogue.ts';
import type { Gate } from '../source/gate.ts';
import { formatPosition } from '../source/lsn-text.ts';
import { NO_ROW, type RawRows } from './raw-rows.ts';
import { type Chunk, FilterError, type SnapshotReader } from './snapshot-reader.ts';

/** What is encoded in one go: most of a request. The stream's turn comes in between. */
const SLICE_BYTES = 0.9 * REQUEST_BYTES;
/** One of them is in flight, the next is written for Kafka. */
const SLICES_AHEAD = 2;

export interface SnapshotRunOptions {
  readonly reader: SnapshotReader;
  /** An encoder of its own: the stream may be behind, at another shape of the same table. */
  readonly encoder: EventEncoder;
  readonly publish: PublishStage;
  readonly book: OffsetBook;
  readonly gate: Gate;
  readonly timeline: number;
  readonly chunkRows: number;
  readonly log: Logger;
  readonly metrics: TaskMetrics;
  readonly crashPoints: CrashPoints;
  readonly signal: AbortSignal;
}

/**
 * Publishes the rows of a snapshot, chunk by chunk, each checkpointed in the offsets topic once Kafka has it;
 * then takes the job out of the offset. Goes on after the last checkpoint of the job.
 *
 * Every row has the position (timeline, consistent point, 0): older than any change that the snapshot does
 * not hold, newer than any that it does.
 */
export async function runSnapshot(job: SnapshotJob, options: SnapshotRunOptions): Promise<void> {
  const { log, book } = options;
  try {
    await publishAll(job, options);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    // Whoever may write signals must not be able to stop the pipeline by one.
    log.error(`Snapshot given up: a filter of it fails: ${error.message}`, { snapshot: job.id });
    book.removeSnapshot(job.id);
    await book.store();
  }
}

async function publishAll(job: SnapshotJob, options: SnapshotRunOptions): Promise<void> {
  const { reader, log, book, signal } = options;
  const todo = job.tables.filter((table) => !table.done);
  log.info('Snapshot started.', {
    snapshot: job.id,
    kind: job.kind,
    tables: todo.map((t) => `${t.schema}.${t.table}`),
  });
  const tables = await reader.lock(todo);
  const last = await lastWithRows(todo, tables, reader);
  let rows = 0;
  for (const [i, progress] of todo.entries()) {
    const table = tables.find((t) => t.schema === progress.schema && t.table === progress.table);
    if (table === undefined) {
      log.error('A table of the snapshot no longer exists; it is left out.', {
        snapshot: job.id,
        table: `${progress.schema}.${progress.table}`,
      });
      continue;
    }
    const place = { first: progress === job.tables[0], last: i === last };
    rows += await new TableRun(job, table, progress, options, place).run();
    if (signal.aborted) return;
  }
  book.removeSnapshot(job.id);
  if (job.kind === 'initial') book.change({ snapshotCompleted: true });
  await book.store();
  log.info('Snapshot completed.', { snapshot: job.id, kind: job.kind, rows });
}

/** Where the last row of the snapshot will be: its event says so. */
async function lastWithRows(
  todo: readonly TableProgress[],
  tables: readonly CatalogueTable[],
  reader: SnapshotReader,
): Promise<number> {
  for (let i = todo.length - 1; i > 0; i--) {
    const table = tables.find((t) => t.schema === todo[i]?.schema && t.table === todo[i]?.table);
    if (table !== undefined && (await reader.hasRows(table, todo[i]?.filter))) return i;
  }
  return 0;
}

/** One table of a snapshot. */
class TableRun {
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
  /** Slices that Kafka has not acknowledged, or whose chunk is not stored yet. */
  readonly #underWay: Promise<void>[] = [];

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
    // Without a key there is no place to go on from.
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

  /** Returns the rows that were published. The next chunk is read while this one is sent. */
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
    try {
      while (next) {
        const chunk: Chunk = await next;
        next = chunk.more ? read(chunk.lastKey) : undefined;
        await gate.unpaused(signal);
        if (chunk.count > 0) await this.#hold();
        if (signal.aborted) break;
        await this.#publish(chunk);
      }
    } finally {
      // A connection is not closed under a query that it still runs.
      await next?.catch(() => {});
      await this.#arrived(0);
    }
    return this.#published;
  }

  async #hold(): Promise<void> {
    const { crashPoints, signal } = this.#options;
    // Whoever kills at the announcement finds the checkpoint of the chunk before.
    if (crashPoints.holds(CRASH_POINTS.midSnapshotChunk)) await this.#arrived(0);
    const held = crashPoints.reach(CRASH_POINTS.midSnapshotChunk);
    if (held !== undefined) await unlessAborted(held, signal);
  }

  /** Encodes a chunk slice by slice, a few ahead of Kafka's acknowledgements. */
  async #publish(chunk: Chunk): Promise<void> {
    let done = 0;
    do {
      const { records, end } = this.#encodeSlice(chunk, done);
      done = end;
      await this.#arrived(SLICES_AHEAD - 1);
      const sent = this.#send(records, done === chunk.count ? chunk : undefined);
      // Awaited by a later slice; until then a failure must not count as unhandled.
      sent.catch(() => {});
      this.#underWay.push(sent);
    } while (done < chunk.count && !this.#options.signal.aborted);
  }

  /** Waits until at most so many slices are under way. @throws what went wrong with one before. */
  async #arrived(most: number): Promise<void> {
    while (this.#underWay.length > most) await this.#underWay.shift();
  }

  /** `chunk`: it ends with these records. Slices are acknowledged in their order, so all of it is safe then. */
  async #send(records: readonly ProducedRecord[], chunk?: Chunk): Promise<void> {
    const { publish, metrics } = this.#options;
    await publish.publish(records);
    metrics.count('published', this.#name, records.length);
    if (chunk) await this.#checkpoint(chunk);
  }

  /** Records of the rows from `start` on, for one request; `end`: the first row behind them. */
  #encodeSlice({ rows, count, more }: Chunk, start: number): { records: ProducedRecord[]; end: number } {
    const records: ProducedRecord[] = [];
    let bytes = 0;
    let end = start;
    while (end < count && bytes < SLICE_BYTES) {
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
    // Of a row that is several of these, Debezium says the first of them.
    if (isFirst && this.#place.first) return 'first';
    if (isLast) return this.#place.last ? 'last' : 'last_in_data_collection';
    return isFirst ? 'first_in_data_collection' : 'true';
  }

  /** Hot path. */
  #encode(rows: RawRows, index: number): ProducedRecord {
    const { encoder } = this.#options;
    const { relationOid } = this.#table;
    try {
      this.#change.after = rows.at(index);
      const raw = encoder.encodeFast?.(this.#change, this.#context);
      return raw ?? encoder.read(relationOid, rows.texts(index), this.#context);
    } catch (cause) {
      if (cause instanceof LabError) throw cause;
      throw new LabError('CDC-1034', `A row of ${this.#name} cannot be made an event: ${messageOf(cause)}`, {
        cause,
        remedy: 'Leave the table out with table.exclude.list, or report the value and its type.',
      });
    }
  }

  async #checkpoint(chunk: Chunk): Promise<void> {
    const { book, log } = this.#options;
    this.#progress = {
      ...this.#progress,
      lastKey: chunk.lastKey ?? this.#progress.lastKey,
      rows: this.#progress.rows + chunk.count,
      done: !chunk.more,
    };
    book.progress(this.#job.id, this.#progress);
    await book.store();
    log.debug('Snapshot chunk stored.', {
      snapshot: this.#job.id,
      table: this.#name,
      rows: this.#progress.rows,
      done: this.#progress.done,
    });
  }
}
