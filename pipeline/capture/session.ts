import type { Client } from 'pg';
import type { TaskContext } from '../contract/connector.ts';
import type { CreateEventEncoder, EventEncoder, LostPart } from '../contract/envelope.ts';
import { type ComponentHealth, DEFAULT_HEALTH_BOUNDS } from '../contract/health.ts';
import type { Lsn } from '../contract/lsn.ts';
import type { DecodePgOutput, ReadFastChange } from '../contract/pgoutput.ts';
import { unlessAborted } from '../contract/wake.ts';
import type { SourceConfig } from './config/source-config.ts';
import { OffsetBook } from './position/offset-book.ts';
import { OffsetStore } from './position/offset-store.ts';
import { formatOffset, parseOffset } from './position/source-offset.ts';
import { withOffsetDefects, withPublishDefects } from './publish/defect-stages.ts';
import { IdempotentProducer } from './publish/idempotent-producer.ts';
import { closeClient, createAdmin, kafkaAddress } from './publish/kafka-clients.ts';
import { type CountingStage, countPublished, createPublishStage } from './publish/publisher.ts';
import { TopicRegistry } from './publish/topics.ts';
import { releaseAll } from './release.ts';
import { followOrder } from './snapshot/signal-orders.ts';
import { readSignal } from './snapshot/signals.ts';
import { INITIAL_SNAPSHOT, isFirstSnapshot } from './snapshot/snapshot-job.ts';
import { SnapshotJobs } from './snapshot/snapshot-jobs.ts';
import { connect, disconnect } from './source/connection.ts';
import type { Gate } from './source/gate.ts';
import { dropSlot } from './source/slot.ts';
import { type Prepared, prepare } from './start/prepare.ts';
import type { RecordQueue } from './stream/record-queue.ts';
import { TransactionMetadata } from './stream/side-records.ts';
import { StreamReader } from './stream/stream-reader.ts';
import { StreamSession } from './stream/stream-session.ts';
import { TurnClock } from './stream/turn-clock.ts';
import { type ProgressSample, ProgressWatch, progressSample } from './watch/progress.ts';
import { watchSource } from './watch/source-watch.ts';

/** How often progress is sampled. */
const SAMPLE_EVERY_MS = 1_000;

/** Decoder and encoder come from the worker, because stages do not know each other. */
export interface Parts {
  readonly decode: DecodePgOutput;
  /** Decodes texts as Latin-1, which keeps their bytes, to name the place of a text that is not UTF-8. */
  readonly decodeBytes?: DecodePgOutput;
  readonly readFast?: ReadFastChange;
  readonly createEncoder: CreateEventEncoder;
}

export interface SessionOptions extends Parts {
  readonly config: SourceConfig;
  readonly context: TaskContext;
  readonly gate: Gate;
  /** `snapshot.mode=always`, and the task has not taken its snapshot yet. */
  readonly snapshotAgain: boolean;
  readonly onLoss: (lost: LostPart) => void;
  /** Called when Kafka has acknowledged something: earlier failures are over. */
  readonly onProgress: () => void;
  /** Called when connections and slot are ready and the position is stored. */
  readonly onPrepared: () => void;
}

/** What the parts of a session share once it is prepared. */
interface Work {
  readonly prepared: Prepared;
  readonly publish: CountingStage;
  readonly book: OffsetBook;
  readonly sql: Client;
  readonly replication: Client;
  readonly jobs: SnapshotJobs;
  readonly resources: AsyncDisposableStack;
  readonly signal: AbortSignal;
}

/**
 * One attempt of the task: connections, checks, snapshots, stream. It wires them and releases them. The next attempt
 * makes all of them again and starts at the stored position, so a producer that failed is never reused.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #clock = new TurnClock();
  readonly #progress: ProgressWatch;
  /** Ends every part of the session when one fails. */
  readonly #ending = new AbortController();
  readonly #failed = Promise.withResolvers<never>();
  #phase = 'connecting';
  /** What the creation of the slot waits for. */
  #blockedBy: string | undefined;
  #work: Work | undefined;
  #stream: StreamSession | undefined;
  #walEnd: Lsn | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#progress = new ProgressWatch(options.context.healthBounds ?? DEFAULT_HEALTH_BOUNDS);
    this.#failed.promise.catch(() => {});
  }

  /** Resolves after the signal aborts. @throws what ended the session otherwise. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, context } = this.#options;
    const resources = new AsyncDisposableStack();
    try {
      await this.#run(resources, AbortSignal.any([signal, this.#ending.signal]));
    } finally {
      this.#ending.abort();
      await releaseAll(resources, context.log);
    }
    if (signal.aborted && config.slot.dropOnStop) await this.#dropSlot();
  }

  health(): ComponentHealth[] {
    const connecting = this.#phase === 'connecting';
    const health = connecting ? 'degraded' : 'ok';
    const detail = connecting ? 'connecting' : 'connected';
    const snapshot = this.#work?.jobs.runningId;
    return [
      { component: 'database', health, detail },
      { component: 'replication-stream', health, detail: this.#streamDetail() },
      { component: 'broker', health, detail },
      ...(snapshot === undefined
        ? []
        : [{ component: 'snapshot', health: 'ok' as const, detail: `running: ${snapshot}` }]),
      ...this.#progress.observe(this.#sample()),
    ];
  }

  #streamDetail(): string {
    if (this.#blockedBy === undefined) return this.#phase;
    return `creating slot "${this.#options.config.slot.name}", which waits for ${this.#blockedBy}`;
  }

  async #run(resources: AsyncDisposableStack, signal: AbortSignal): Promise<void> {
    const { config, context, gate, snapshotAgain, onPrepared, onProgress } = this.#options;
    const store = resources.adopt(new OffsetStore(config, context), (own) => own.close());
    const value = await unlessAborted(store.load(), signal);
    if (signal.aborted) return;
    const stored = value == null ? null : parseOffset(value);
    const sql = resources.adopt(await connect(config, 'sql', 'catalogue'), disconnect);
    const replication = resources.adopt(await connect(config, 'replication', 'stream'), disconnect);
    const encoder = this.#createEncoder();
    const offsets = withOffsetDefects(store, context.defects);
    const prepared = await prepare({
      ...{ config, sql, replication, stored, snapshotAgain, log: context.log },
      describe: (table) => this.#createEncoder().describe(table),
      store: (offset) => offsets.store(formatOffset(offset)),
      topicOf: (schema, table) => encoder.topicOf(schema, table),
      onBlocked: (by) => {
        this.#blockedBy = by;
      },
    });
    if (signal.aborted) return;
    const { publish, topics } = this.#createPublisher(resources);
    const book = new OffsetBook(offsets, prepared.offset);
    await book.store();
    await topics.ensure(prepared.tables.map((t) => encoder.topicOf(t.schema, t.table)));
    const jobs = resources.use(
      new SnapshotJobs({
        ...{ config, context, gate, sql, publish, book, signal, onProgress },
        partitionsOf: (topic) => topics.partitionsOf(topic),
        timeline: prepared.system.timeline,
        createEncoder: () => this.#createEncoder(),
        onFailed: this.#failed.reject,
      }),
    );
    this.#work = { prepared, publish, book, sql, replication, jobs, resources, signal };
    this.#phase = 'prepared';
    onPrepared();
    resources.adopt(
      setInterval(() => this.#progress.observe(this.#sample()), SAMPLE_EVERY_MS),
      clearInterval,
    );
    await this.#takeFirstSnapshots(this.#work);
    if (signal.aborted) return;
    if (config.snapshot.mode === 'initial_only') return await this.#idle(signal);
    await this.#streamOn(this.#work);
  }

  /** Takes the snapshots that the stream must not overtake. */
  async #takeFirstSnapshots({ jobs, book, prepared, signal }: Work): Promise<void> {
    for (const job of book.current.snapshots.filter(isFirstSnapshot)) {
      const isInitial = job.id === INITIAL_SNAPSHOT;
      this.#phase = `${isInitial ? 'initial ' : ''}snapshot, then streaming`;
      await jobs.run(job, isInitial ? prepared.created : undefined);
      if (signal.aborted) return;
    }
  }

  async #streamOn(work: Work): Promise<void> {
    const { config, context, gate, onProgress } = this.#options;
    const { prepared, publish, book, sql, replication, jobs, resources, signal } = work;
    this.#phase = 'streaming';
    const stream = new StreamSession({
      ...{ config, context, gate, sql, publish, book, onProgress },
      // This connection may still hold the snapshot that its new slot exported; START_REPLICATION ends that.
      replication,
      clock: this.#clock,
      createReader: (queue) => this.#createReader(queue, work),
      onSignals: (rows) => {
        for (const row of rows) {
          const order = readSignal(row, prepared.tables, context.log);
          followOrder(order, book, (id) => jobs.cancel(id), context.log);
        }
      },
      onStored: (offset) => jobs.start(offset),
    });
    this.#stream = stream;
    const running = stream.run(signal);
    // The stream ends before its connections are closed.
    resources.defer(() => running.catch(() => {}));
    const { captured, tables } = prepared;
    const onWalEnd = (lsn: Lsn) => {
      this.#walEnd = lsn;
      context.metrics.lag('*', lsn > stream.flushedLsn ? Number(lsn - stream.flushedLsn) : 0);
    };
    const publication = config.publication.name;
    watchSource({ sql, publication, tables, captured, onWalEnd }, signal).catch(this.#failed.reject);
    jobs.start(book.current);
    await Promise.race([running, this.#failed.promise]);
  }

  #createReader(queue: RecordQueue, { prepared, book }: Work): StreamReader {
    const { config, decode, readFast } = this.#options;
    return new StreamReader({
      ...{ decode, readFast, queue },
      encoder: this.#createEncoder(),
      metadataOf: config.transactionMetadata ? (begin) => new TransactionMetadata(config, begin) : undefined,
      timeline: prepared.system.timeline,
      captured: prepared.captured,
      signalTable: config.signalTable,
      skippedOperations: config.skippedOperations,
      lastCommitLsn: book.current.lastCommitLsn,
      readWholeAt: (name) => book.current.readWhole[name],
    });
  }

  #createEncoder(): EventEncoder {
    const { createEncoder, config, onLoss } = this.#options;
    return createEncoder({ ...config.encoder, onLoss, nowUs: () => this.#clock.nowUs() });
  }

  #createPublisher(resources: AsyncDisposableStack): { publish: CountingStage; topics: TopicRegistry } {
    const { config, context } = this.#options;
    const address = kafkaAddress(config, context);
    const admin = resources.adopt(createAdmin(address), closeClient);
    const producer = resources.adopt(
      new IdempotentProducer(address, config.producer.compression),
      closeClient,
    );
    const topics = new TopicRegistry(admin, config.topics);
    const publish = withPublishDefects(createPublishStage(producer, topics), context.defects);
    return { publish: countPublished(publish), topics };
  }

  #sample(): ProgressSample {
    return progressSample({
      paused: this.#options.gate.has('paused'),
      snapshot: this.#work?.jobs.runningId,
      publishedRecords: this.#work?.publish.published ?? 0,
      stream: this.#stream,
      walEnd: this.#walEnd,
    });
  }

  async #idle(signal: AbortSignal): Promise<void> {
    this.#phase = 'snapshot completed; snapshot.mode=initial_only streams nothing';
    await unlessAborted(new Promise<never>(() => {}), signal);
  }

  async #dropSlot(): Promise<void> {
    const { config, context } = this.#options;
    const client = await connect(config, 'sql', 'drop slot');
    try {
      await dropSlot(client, config.slot.name);
      context.log.warn('Replication slot dropped, as slot.drop.on.stop says.', { slot: config.slot.name });
    } finally {
      await disconnect(client);
    }
  }
}
