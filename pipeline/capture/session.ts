import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import type { ComponentHealth, TaskContext } from '../contract/connector.ts';
import type { CreateEventEncoder, EventEncoder } from '../contract/envelope.ts';
import type { DecodePgOutput, ReadFastChange } from '../contract/pgoutput.ts';
import type { OffsetStage, PublishStage } from '../contract/stages.ts';
import { sleep, unlessAborted } from '../contract/wake.ts';
import type { SourceConfig } from './config/source-config.ts';
import { OffsetBook } from './position/offset-book.ts';
import { OffsetStore } from './position/offset-store.ts';
import { parseOffset, type SnapshotJob, type SourceOffset } from './position/source-offset.ts';
import { IdempotentProducer } from './publish/idempotent-producer.ts';
import { closeClient, createAdmin, type KafkaAddress } from './publish/kafka-clients.ts';
import { plainly } from './publish/plain-records.ts';
import { createPublishStage } from './publish/publisher.ts';
import { serialize } from './publish/serial-publish.ts';
import { TopicRegistry } from './publish/topics.ts';
import { fits, readSignal } from './snapshot/signals.ts';
import { SnapshotReader } from './snapshot/snapshot-reader.ts';
import { runSnapshot } from './snapshot/snapshot-run.ts';
import { allTables, publishedTables } from './source/catalogue.ts';
import { connect, disconnect } from './source/connection.ts';
import type { Gate } from './source/gate.ts';
import { parseLsn } from './source/lsn-text.ts';
import { takenOut } from './source/publication.ts';
import { dropSlot } from './source/slot.ts';
import { INITIAL_SNAPSHOT, isFirstSnapshot, type Prepared, prepare } from './start/prepare.ts';
import { readWhole } from './start/read-again.ts';
import { StreamReader } from './stream/stream-reader.ts';
import { StreamSession } from './stream/stream-session.ts';
import { TransactionMetadata } from './stream/transaction-metadata.ts';
import { turnTimeMs } from './stream/turn-clock.ts';

const LAG_EVERY_MS = 1_000;
/** The tables are looked at every so many of those rounds. */
const TABLES_EVERY = 5;

/** Decoder and encoder come from the worker: stages do not know each other. */
export interface Parts {
  readonly decode: DecodePgOutput;
  readonly readRaw?: ReadFastChange;
  readonly createEncoder: CreateEventEncoder;
}

export interface SessionOptions extends Parts {
  readonly config: SourceConfig;
  readonly context: TaskContext;
  readonly gate: Gate;
  readonly snapshotAgain: boolean;
  /** Something was done: failures before it are over. */
  readonly onProgress: () => void;
  /** Connections, slot and position stand, and the position is stored. */
  readonly onPrepared: () => void;
}

export function kafkaAddress(config: SourceConfig, context: TaskContext): KafkaAddress {
  return {
    bootstrapServers: context.bootstrapServers,
    clientId: `connector-producer-${config.name}-0`,
    requestTimeoutMs: config.producer.requestTimeoutMs,
  };
}

export function createOffsetStore(config: SourceConfig, context: TaskContext): OffsetStore {
  const { name, topicPrefix } = config;
  return new OffsetStore(kafkaAddress(config, context), context.offsetsTopic, name, { server: topicPrefix });
}

/**
 * One attempt of the task: connections, checks, snapshots, stream. All of it is made anew by the next
 * attempt, which begins at the stored position: so the producer that failed is never used again.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #resources: (() => Promise<void>)[] = [];
  /** Ends everything of this session when one part fails. */
  readonly #ending = new AbortController();
  #stream: StreamSession | undefined;
  #phase = 'connecting';
  #running = new Map<string, AbortController>();
  #fail: (error: unknown) => void = () => {};
  readonly #failed: Promise<never>;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {});
  }

  /** Resolves after the signal aborts. @throws what ended it otherwise. */
  async run(signal: AbortSignal): Promise<void> {
    const ending = AbortSignal.any([signal, this.#ending.signal]);
    try {
      await this.#run(ending);
    } finally {
      this.#ending.abort();
      for (const release of this.#resources.reverse()) await release();
    }
    if (signal.aborted && this.#options.config.slot.dropOnStop) await this.#dropSlot();
  }

  health(): ComponentHealth[] {
    const busy = this.#phase === 'connecting';
    const snapshot = [...this.#running.keys()].join(', ');
    return [
      { component: 'database', health: busy ? 'degraded' : 'ok', detail: busy ? 'connecting' : 'connected' },
      { component: 'replication-stream', health: busy ? 'degraded' : 'ok', detail: this.#phase },
      { component: 'broker', health: busy ? 'degraded' : 'ok', detail: busy ? 'connecting' : 'connected' },
      ...(snapshot === ''
        ? []
        : [{ component: 'snapshot', health: 'ok' as const, detail: `running: ${snapshot}` }]),
    ];
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { config, context } = this.#options;
    const store = createOffsetStore(config, context);
    this.#resources.push(() => store.close());
    const value = await unlessAborted(store.load(), signal);
    if (signal.aborted) return;
    const stored = value == null ? null : parseOffset(value);
    const sql = await this.#connect('sql', 'catalogue');
    const replication = await this.#connect('replication', 'stream');
    const prepared = await prepare({
      config,
      sql,
      replication,
      stored,
      snapshotAgain: this.#options.snapshotAgain,
      describe: (table) => this.#encoder().describe(table),
      log: context.log,
    });
    if (signal.aborted) return;
    const { publish, topics } = this.#publisher();
    const offsets = context.defects.reduce(
      (stage, defect) => defect.offsets?.(stage) ?? stage,
      store as OffsetStage,
    );
    const book = new OffsetBook(offsets, prepared.offset);
    await book.store();
    await topics.ensure(prepared.tables.map((t) => this.#encoder().topicOf(t.schema, t.table)));
    this.#phase = 'prepared';
    this.#options.onPrepared();
    const work = { prepared, publish, book, sql, replication };
    for (const job of book.current.snapshots.filter(isFirstSnapshot)) {
      await this.#snapshot(job, work, signal, job.id === INITIAL_SNAPSHOT ? prepared.created : undefined);
      if (signal.aborted) return;
    }
    if (config.snapshot.mode === 'initial_only') return await this.#idle(signal);
    await this.#streamOn(work, signal);
  }

  async #streamOn(work: Work, signal: AbortSignal): Promise<void> {
    const { config, context, gate, decode, readRaw, onProgress } = this.#options;
    const { prepared, publish, book, sql } = work;
    this.#phase = 'streaming';
    this.#stream = new StreamSession({
      config,
      context,
      sql,
      // The connection that made the slot may still hold its exported snapshot: START_REPLICATION ends that.
      replication: work.replication,
      createReader: (queue) =>
        new StreamReader({
          decode,
          readRaw,
          encoder: this.#encoder(),
          metadataOf: config.transactionMetadata
            ? (begin) => new TransactionMetadata(config, begin)
            : undefined,
          queue,
          timeline: prepared.system.timeline,
          captured: prepared.captured,
          signalTable: config.signalTable,
          skippedOperations: config.skippedOperations,
          lastCommitLsn: book.current.lastCommitLsn,
          readWholeAt: (name) => book.current.readWhole[name],
        }),
      publish,
      book,
      gate,
      onSignals: (rows) => {
        for (const row of rows) this.#order(readSignal(row, prepared.tables, context.log), book);
      },
      onStored: (offset) => this.#startJobs(offset, work, signal),
      onProgress,
    });
    const running = this.#stream.run(signal);
    // Released before the connections that it uses.
    this.#resources.push(() => running.catch(() => {}));
    this.#watch(sql, prepared, signal).catch((error) => this.#fail(error));
    this.#startJobs(book.current, work, signal);
    await Promise.race([running, this.#failed]);
  }

  /** Jobs whose place in the offsets topic is certain; one after the other. */
  #startJobs(offset: SourceOffset, work: Work, signal: AbortSignal): void {
    if (this.#running.size > 0 || signal.aborted) return;
    const job = offset.snapshots.find((candidate) =>
      work.book.current.snapshots.some((j) => j.id === candidate.id),
    );
    if (job === undefined) return;
    const running = this.#snapshot(job, work, signal)
      .then(() => this.#startJobs(work.book.current, work, signal))
      .catch((error) => this.#fail(error));
    this.#resources.push(() => running);
  }

  #order(order: ReturnType<typeof readSignal>, book: OffsetBook): void {
    const { log } = this.#options.context;
    if (order.tag === 'snapshot' && !fits(order.job, book.current.snapshots)) {
      log.error(
        'Signal ignored: its filters and those that wait are too long. Send it again when these are done.',
        {
          signal: order.job.id,
        },
      );
    } else if (order.tag === 'snapshot' && book.addSnapshot(order.job)) {
      log.info('Snapshot asked for.', { snapshot: order.job.id, kind: order.job.kind });
    }
    if (order.tag !== 'stop') return;
    for (const job of book.current.snapshots) {
      const left = job.tables.filter(
        (t) => order.tables?.every((e) => !e.test(`${t.schema}.${t.table}`)) ?? false,
      );
      if (job.kind !== 'incremental' || left.length === job.tables.length) continue;
      this.#running.get(job.id)?.abort();
      book.removeSnapshot(job.id);
      if (left.length > 0) book.addSnapshot({ ...job, tables: left });
      log.warn('Snapshot stopped by a signal.', { snapshot: job.id, left: left.length });
    }
  }

  /** `created`: the snapshot that a slot has just exported; otherwise a temporary slot makes one. */
  async #snapshot(
    job: SnapshotJob,
    work: Work,
    signal: AbortSignal,
    created?: Prepared['created'],
  ): Promise<void> {
    const { config, context, gate } = this.#options;
    const { book, publish, sql, prepared } = work;
    const own = new AbortController();
    this.#running.set(job.id, own);
    const both = AbortSignal.any([signal, own.signal]);
    if (isFirstSnapshot(job))
      this.#phase = `${job.id === INITIAL_SNAPSHOT ? 'initial ' : ''}snapshot, then streaming`;
    if (job.kind === 'blocking') gate.hold('blocking-snapshot');
    try {
      const published = await publishedTables(sql, config.publication.name);
      const name = `${config.slot.name.slice(0, 45)}_tmp_${randomUUID().slice(0, 8)}`;
      await using reader = created
        ? await SnapshotReader.open(config, created, published)
        : await SnapshotReader.openNow(config, published, name);
      // Read at a later position than the stream begins at.
      const ready = created || !isFirstSnapshot(job) ? job : await readWhole(job, reader, book, sql);
      await runSnapshot(ready, {
        reader,
        encoder: this.#encoder(),
        publish,
        book,
        gate,
        timeline: prepared.system.timeline,
        chunkRows:
          job.kind === 'incremental' ? config.snapshot.incrementalChunkSize : config.snapshot.fetchSize,
        log: context.log,
        metrics: context.metrics,
        crashPoints: context.crashPoints,
        signal: both,
      });
      this.#options.onProgress();
    } finally {
      this.#running.delete(job.id);
      if (job.kind === 'blocking') gate.release('blocking-snapshot');
    }
  }

  #encoder(): EventEncoder {
    const { createEncoder, config } = this.#options;
    return createEncoder({ ...config.encoder, nowUs: createClockUs() });
  }

  #publisher(): { publish: PublishStage; topics: TopicRegistry } {
    const { config, context } = this.#options;
    const address = kafkaAddress(config, context);
    const admin = createAdmin(address);
    const producer = new IdempotentProducer(address, config.producer.compression);
    this.#resources.push(() => closeClient(admin));
    this.#resources.push(() => closeClient(producer));
    const topics = new TopicRegistry(admin, config.topics);
    const healthy = createPublishStage(producer, topics);
    const sick = context.defects.reduce((stage, defect) => defect.publish?.(stage) ?? stage, healthy);
    const publish = sick === healthy ? healthy : serialize(plainly(sick));
    return { publish, topics };
  }

  async #connect(kind: 'sql' | 'replication', role: string): Promise<Client> {
    const client = await connect(this.#options.config, kind, role);
    this.#resources.push(() => disconnect(client));
    return client;
  }

  /** Measures the lag; and looks whether a table came, or came back, that the publication lacks. */
  async #watch(sql: Client, prepared: Prepared, signal: AbortSignal): Promise<void> {
    for (let round = 1; !signal.aborted; round++) {
      await sleep(LAG_EVERY_MS, signal);
      if (signal.aborted) return;
      if (round % TABLES_EVERY === 0) await this.#watchTables(sql, prepared);
      const { rows } = await sql.query<{ lsn: string }>(
        'SELECT pg_catalog.pg_current_wal_flush_lsn() AS lsn',
      );
      const end = rows[0];
      if (end && this.#stream)
        this.#options.context.metrics.lag('*', this.#stream.lagBytes(parseLsn(end.lsn)));
    }
  }

  /**
   * A table that is dropped leaves its publication, and one of the same name is not in it: no event, and all
   * green.
   * @throws so that the next attempt adds and snapshots it, or stops loudly, as `publication.autocreate.mode`
   * says. LabError CDC-1114 where it was taken out by hand: what was written since is in no stream.
   */
  async #watchTables(sql: Client, { tables, captured }: Prepared): Promise<void> {
    const { name } = this.#options.config.publication;
    const existing = await allTables(sql);
    const published = new Set((await publishedTables(sql, name)).map((t) => `${t.schema}.${t.table}`));
    const missing = existing.filter(
      (t) => captured(t.schema, t.table) && !published.has(`${t.schema}.${t.table}`),
    );
    if (missing.length === 0) return;
    const names = missing.map((t) => `${t.schema}.${t.table}`).join(', ');
    if (missing.some(({ oid }) => tables.some((before) => before.oid === oid))) throw takenOut(name, names);
    throw new Error(`Captured tables are not in the publication: ${names}.`);
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

/**
 * Microseconds since the epoch, as exact as {@link turnTimeMs}; a bigint is made once a millisecond, not once a row.
 */
function createClockUs(): () => bigint {
  let lastMs = 0;
  let lastUs = 0n;
  return () => {
    const nowMs = turnTimeMs();
    if (nowMs !== lastMs) {
      lastMs = nowMs;
      lastUs = BigInt(nowMs) * 1000n;
    }
    return lastUs;
  };
}

interface Work {
  readonly prepared: Prepared;
  readonly publish: PublishStage;
  readonly book: OffsetBook;
  readonly sql: Client;
  readonly replication: Client;
}
