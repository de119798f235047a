/**
 * `pipeline/capture/stream`: the replication stream, from the slot to Kafka and back to the slot.
 * In: pgoutput messages of one slot, over a replication connection.
 * Out: records in commit order to the publish stage, and flushed positions to PostgreSQL.
 * Promises: a position is flushed only after it is in the offsets topic, and stored only after Kafka has acknowledged
 * every record before it; a resent change has the same position.
 */

import type { Client } from 'pg';
import type { TaskContext } from '../../contract/connector.ts';
import { CRASH_POINTS, type CrashPoint } from '../../contract/crash-points.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { RelationMessage } from '../../contract/pgoutput.ts';
import type { PublishStage } from '../../contract/stages.ts';
import { sleep, unlessAborted, Wake } from '../../contract/wake.ts';
import type { SourceConfig } from '../config/source-config.ts';
import type { CommitMark, SignalRow } from '../position/commit-mark.ts';
import type { OffsetBook } from '../position/offset-book.ts';
import type { SourceOffset } from '../position/source-offset.ts';
import { REQUEST_BYTES } from '../publish/publisher.ts';
import { describeRelation } from '../source/describe-relation.ts';
import type { Gate } from '../source/gate.ts';
import { maxLsn } from '../source/lsn-text.ts';
import { publishLoop } from './publish-loop.ts';
import { RecordQueue } from './record-queue.ts';
import { ReplicationStream } from './replication-stream.ts';
import { heartbeat } from './side-records.ts';
import { statusIntervalOn } from './status-interval.ts';
import type { StreamReader } from './stream-reader.ts';
import type { TurnClock } from './turn-clock.ts';

/** Minimum time between two stores: one record in the offsets topic for many small transactions. */
const STORE_GAP_MS = 25;
/** The same when only keepalives have moved the position. */
const IDLE_STORE_GAP_MS = 100;
/** How long a graceful stop waits for records in flight. */
const DRAIN_MS = 10_000;

export interface StreamSessionOptions {
  readonly config: SourceConfig;
  readonly context: TaskContext;
  /** For the catalogue. */
  readonly sql: Client;
  /** The session owns it and closes it at its end. */
  readonly replication: Client;
  readonly createReader: (queue: RecordQueue) => StreamReader;
  readonly publish: PublishStage;
  readonly book: OffsetBook;
  readonly gate: Gate;
  readonly clock: TurnClock;
  /** Called with the signals of a transaction before its position is stored. */
  readonly onSignals: (signals: readonly SignalRow[]) => void;
  /** Called after every store. */
  readonly onStored: (offset: SourceOffset) => void;
  /** Called when Kafka has acknowledged records: earlier failures are over. */
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
  /** True while it waits at a crash point: a stop then leaves everything in flight as it is. */
  #held = false;
  #fail: (error: unknown) => void = () => {};

  constructor(options: StreamSessionOptions) {
    this.#options = options;
    this.#reader = options.createReader(this.#queue);
  }

  /** The last position that was flushed to PostgreSQL. */
  get flushedLsn(): Lsn {
    return this.#stream?.flushed ?? this.#options.book.current.flushLsn;
  }

  /** How far the server's WAL has been received. */
  get receivedLsn(): Lsn {
    return this.#stream?.received ?? this.#options.book.current.flushLsn;
  }

  /** True if changes were read that Kafka has not acknowledged. */
  get hasUnacknowledged(): boolean {
    return this.#reader.inTransaction || !this.#queue.idle;
  }

  /** Commit time of the oldest change that was read and is not acknowledged, in microseconds since the epoch. */
  get oldestCommitTimeUs(): bigint | undefined {
    return this.#queue.oldestCommitTimeUs ?? this.#reader.openCommitTimeUs;
  }

  /** Resolves after the signal aborts, with everything in flight stored. @throws what broke the stream. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, replication, book, gate, clock } = this.#options;
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    failed.catch(() => {});
    try {
      const stream = await ReplicationStream.start(replication, {
        slot: config.slot.name,
        publication: config.publication.name,
        startLsn: book.current.flushLsn,
        statusIntervalMs: await statusIntervalOn(replication, config.statusIntervalMs),
        onWal: (start, bytes, from, to) => this.#read(start, bytes, from, to),
        onKeepalive: (serverEnd) => this.#onKeepalive(serverEnd),
        assertStored: (lsn) => book.assertStored(lsn),
        clock,
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
      // These holds belong to this session and must not block the next one.
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
      // Holds back the next frame until the relation is described.
      this.#options.gate.hold('relation');
      this.#describe(relation).catch(this.#fail);
      return;
    }
    const { config, gate } = this.#options;
    const full = this.#queue.unacknowledged >= config.queueRecords || this.#queue.bytes >= config.queueBytes;
    if (full) gate.hold('queue');
    // A large transaction is published before its commit, which may be behind a full queue.
    if (full || this.#queue.waiting >= config.batchRecords || this.#queue.bytes >= REQUEST_BYTES) {
      this.#queue.nudge();
    }
  }

  async #describe(relation: RelationMessage): Promise<void> {
    const typeOfThen = (oid: number) => this.#reader.typeOf(oid);
    this.#reader.describe(await describeRelation(this.#options.sql, relation, typeOfThen));
    this.#options.gate.release('relation');
  }

  /**
   * The server has sent everything before this position. It may be stored only while nothing is unacknowledged and no
   * transaction is open: otherwise some of what came before is not safe yet.
   */
  #onKeepalive(serverEnd: Lsn): void {
    if (this.#reader.inTransaction || !this.#queue.idle) return;
    const { book } = this.#options;
    if (serverEnd <= book.current.flushLsn) return;
    this.#queue.passed(serverEnd);
    book.acknowledged(this.#queue.acknowledgedLsn);
    book.change({ flushLsn: serverEnd });
    this.#storeWanted.raise();
  }

  async #publishLoop(): Promise<void> {
    const { config, publish, gate, context } = this.#options;
    await publishLoop({
      config,
      queue: this.#queue,
      publish,
      gate,
      metrics: context.metrics,
      tableOf: (topic) => this.#reader.tableOf(topic),
      reach: (point) => this.#reach(point),
      onAcknowledged: (records, commits) => this.#onAcknowledged(records, commits),
      ended: this.#ended.signal,
    });
  }

  #onAcknowledged(records: number, commits: readonly CommitMark[]): void {
    const { book, context, onSignals, onProgress } = this.#options;
    const nowMs = Date.now();
    book.acknowledged(this.#queue.acknowledgedLsn);
    for (const commit of commits) {
      book.committed(commit);
      if (commit.signals.length > 0) onSignals(commit.signals);
      if (commit.table !== null) {
        context.metrics.latency(commit.table, Math.max(0, nowMs - Number(commit.commitTimeUs / 1000n)));
      }
    }
    if (commits.length > 0) this.#storeWanted.raise();
    if (records > 0) {
      this.#onlyKeepalive = false;
      onProgress();
    }
  }

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

  /** Stores the position, and only then flushes it to PostgreSQL. */
  async #store(stream: ReplicationStream): Promise<void> {
    const { book, onStored } = this.#options;
    const stored = await book.store();
    await this.#reach(CRASH_POINTS.afterOffsetBeforeFlush);
    if (this.#ended.signal.aborted) return;
    stream.flush(maxLsn(stored.flushLsn, stream.flushed));
    onStored(stored);
  }

  /** After a stop: reads nothing more, and publishes and stores what was read, within a deadline. */
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
