import type { Client } from 'pg';
import type { TaskContext } from '../../contract/connector.ts';
import { CRASH_POINTS, type CrashPoint } from '../../contract/crash-points.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { RelationMessage } from '../../contract/pgoutput.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { PublishStage } from '../../contract/stages.ts';
import { sleep, unlessAborted, Wake } from '../../contract/wake.ts';
import type { SourceConfig } from '../config/source-config.ts';
import type { CommitMark, SignalRow } from '../position/commit-mark.ts';
import type { OffsetBook } from '../position/offset-book.ts';
import type { SourceOffset } from '../position/source-offset.ts';
import { REQUEST_BYTES } from '../publish/publisher.ts';
import { describeRelation } from '../source/catalogue.ts';
import type { Gate } from '../source/gate.ts';
import { maxLsn } from '../source/lsn-text.ts';
import { heartbeat } from './heartbeat.ts';
import { RecordQueue } from './record-queue.ts';
import { ReplicationStream } from './replication-stream.ts';
import type { StreamReader } from './stream-reader.ts';

/** Stores are this far apart at least: one record in the offsets topic for many small transactions. */
const STORE_GAP_MS = 25;
/** The same where only the server's position moved, by the WAL of others. */
const IDLE_STORE_GAP_MS = 100;
/** How long a graceful stop waits for what is in flight. */
const DRAIN_MS = 10_000;

export interface StreamSessionOptions {
  readonly config: SourceConfig;
  readonly context: TaskContext;
  /** For the catalogue. */
  readonly sql: Client;
  /** Taken over: closed when the session ends. */
  readonly replication: Client;
  readonly createReader: (queue: RecordQueue) => StreamReader;
  readonly publish: PublishStage;
  readonly book: OffsetBook;
  readonly gate: Gate;
  /** Called with the signals of a transaction before its position is stored. */
  readonly onSignals: (signals: readonly SignalRow[]) => void;
  /** Called after every store. */
  readonly onStored: (offset: SourceOffset) => void;
  /** Called when Kafka acknowledged something: whatever failed before is over. */
  readonly onProgress: () => void;
}

/** Slot → decoder → Kafka → offsets topic → slot, on one replication connection, until it ends or fails. */
export class StreamSession {
  readonly #options: StreamSessionOptions;
  readonly #queue = new RecordQueue();
  readonly #reader: StreamReader;
  readonly #storeWanted = new Wake();
  readonly #ended = new AbortController();
  #stream: ReplicationStream | undefined;
  #onlyKeepalive = true;
  /** Waits at a crash point: a stop then leaves what is in flight as it is. */
  #held = false;
  #fail: (error: unknown) => void = () => {};

  constructor(options: StreamSessionOptions) {
    this.#options = options;
    this.#reader = options.createReader(this.#queue);
  }

  /** Bytes of WAL between the position that PostgreSQL was told and this end of its log. */
  lagBytes(walEnd: Lsn): number {
    const flushed = this.#stream?.flushed ?? this.#options.book.current.flushLsn;
    return walEnd > flushed ? Number(walEnd - flushed) : 0;
  }

  /** Resolves after the signal aborts, with everything in flight stored. @throws what broke the stream. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, replication, book, gate } = this.#options;
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    failed.catch(() => {});
    try {
      const stream = await ReplicationStream.start(replication, {
        slot: config.slot.name,
        publication: config.publication.name,
        startLsn: book.current.flushLsn,
        statusIntervalMs: config.statusIntervalMs,
        onWal: (start, bytes, from, to) => this.#read(start, bytes, from, to),
        onKeepalive: (serverEnd) => this.#onKeepalive(serverEnd),
      });
      this.#stream = stream;
      gate.listen((open) => (open ? stream.resume() : stream.pause()));
      const loops = [this.#publishLoop(), this.#storeLoop(stream)];
      if (config.heartbeat.intervalMs > 0) loops.push(this.#heartbeatLoop());
      for (const loop of loops) loop.catch(() => {});
      await unlessAborted(Promise.race([stream.failed, failed, ...loops]), signal);
      await this.#drain(stream, loops);
    } finally {
      gate.listen(undefined);
      // What held this session must not hold the next one.
      gate.release('queue');
      gate.release('relation');
      this.#ended.abort();
      this.#queue.nudge();
      this.#storeWanted.raise();
      await this.#stream?.close();
    }
  }

  #read(start: Lsn, bytes: Buffer, from: number, to: number): void {
    const relation = this.#reader.read(start, bytes, from, to);
    if (relation) {
      // No frame comes before it is released.
      this.#options.gate.hold('relation');
      this.#describe(relation).catch(this.#fail);
      return;
    }
    const { config, gate } = this.#options;
    const full = this.#queue.unacknowledged >= config.queueRecords || this.#queue.bytes >= config.queueBytes;
    if (full) gate.hold('queue');
    // A large transaction does not wait for its commit, which may be behind a full queue.
    if (full || this.#queue.waiting >= config.batchRecords || this.#queue.bytes >= REQUEST_BYTES) {
      this.#queue.nudge();
    }
  }

  async #describe(relation: RelationMessage): Promise<void> {
    this.#reader.describe(await describeRelation(this.#options.sql, relation));
    this.#options.gate.release('relation');
  }

  /**
   * The server has sent everything up to here. That is worth something only while nothing is unacknowledged
   * and no transaction is open: else a part of what came before is not safe yet.
   */
  #onKeepalive(serverEnd: Lsn): void {
    if (this.#reader.inTransaction || !this.#queue.idle) return;
    const { book } = this.#options;
    if (serverEnd <= book.current.flushLsn) return;
    book.change({ flushLsn: serverEnd });
    this.#storeWanted.raise();
  }

  async #publishLoop(): Promise<void> {
    const { config, publish, gate } = this.#options;
    const ended = this.#ended.signal;
    while (!ended.aborted) {
      await this.#queue.ready();
      // Lets the socket's chunk be decoded to its end: one larger batch instead of two.
      await new Promise((resolve) => setImmediate(resolve));
      if (ended.aborted) return;
      const { records, startsTransaction } = this.#queue.take(config.batchRecords, REQUEST_BYTES);
      if (records.length > 0) {
        if (startsTransaction) await this.#reach(CRASH_POINTS.afterRead);
        if (ended.aborted) return;
        await publish.publish(records);
        await this.#reach(CRASH_POINTS.afterProduceBeforeAck);
        if (ended.aborted) return;
        this.#onlyKeepalive = false;
        this.#count(records);
      }
      this.#acknowledged(records.length, this.#queue.acknowledge(records.length));
      const { unacknowledged, bytes } = this.#queue;
      if (unacknowledged <= config.queueRecords / 2 && bytes <= config.queueBytes / 2) gate.release('queue');
    }
  }

  /** Runs of one topic are long: one call for each, not for each record. */
  #count(records: readonly ProducedRecord[]): void {
    let start = 0;
    for (let i = 1; i <= records.length; i++) {
      const topic = records[start]?.topic ?? '';
      if (i < records.length && records[i]?.topic === topic) continue;
      this.#options.context.metrics.count('published', this.#reader.tableOf(topic), i - start);
      start = i;
    }
  }

  #acknowledged(records: number, commits: readonly CommitMark[]): void {
    const { book, context, onSignals, onProgress } = this.#options;
    const nowMs = Date.now();
    for (const commit of commits) {
      book.committed(commit);
      if (commit.signals.length > 0) onSignals(commit.signals);
      if (commit.table !== null) {
        context.metrics.latency(commit.table, Math.max(0, nowMs - Number(commit.commitTimeUs / 1000n)));
      }
    }
    if (commits.length > 0) this.#storeWanted.raise();
    if (records > 0) onProgress();
  }

  /** Stored, and only then told to PostgreSQL. */
  async #storeLoop(stream: ReplicationStream): Promise<void> {
    const ended = this.#ended.signal;
    for (;;) {
      await this.#storeWanted.wait();
      if (ended.aborted) return;
      await this.#store(stream);
      await sleep(this.#onlyKeepalive ? IDLE_STORE_GAP_MS : STORE_GAP_MS, ended);
      this.#onlyKeepalive = true;
    }
  }

  async #heartbeatLoop(): Promise<void> {
    const { config, publish } = this.#options;
    const ended = this.#ended.signal;
    for (;;) {
      await sleep(config.heartbeat.intervalMs, ended);
      if (ended.aborted) return;
      await publish.publish([heartbeat(config, Date.now())]);
    }
  }

  async #store(stream: ReplicationStream): Promise<void> {
    const { book, onStored } = this.#options;
    const stored = await book.store();
    await this.#reach(CRASH_POINTS.afterOffsetBeforeFlush);
    if (this.#ended.signal.aborted) return;
    stream.flush(maxLsn(stored.flushLsn, stream.flushed));
    onStored(stored);
  }

  /** After a stop: nothing more is read; what was read is published and stored, for so long. */
  async #drain(stream: ReplicationStream, loops: readonly Promise<void>[]): Promise<void> {
    this.#options.gate.listen(undefined);
    stream.pause();
    const deadline = AbortSignal.timeout(DRAIN_MS);
    const busy = () => this.#queue.unacknowledged > 0 && !this.#reader.inTransaction && !this.#held;
    while (!deadline.aborted && busy()) {
      const tick = sleep(5, deadline);
      await Promise.race([tick, ...loops, stream.failed]);
    }
    if (!this.#held) await unlessAborted(this.#store(stream), deadline);
  }

  async #reach(point: CrashPoint): Promise<void> {
    const held = this.#options.context.crashPoints.reach(point);
    if (!held) return;
    this.#held = true;
    await unlessAborted(held, this.#ended.signal);
    this.#held = false;
  }
}
