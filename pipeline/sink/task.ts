import type pg from 'pg';
import type { ComponentHealth, Task, TaskContext } from '../contract/connector.ts';
import { CRASH_POINTS } from '../contract/crash-points.ts';
import { LabError, messageOf } from '../contract/errors.ts';
import type { AdmitStage, ApplyStage } from '../contract/stages.ts';
import { Wake } from '../contract/wake.ts';
import { Applier } from './apply/applier.ts';
import { Backoff } from './apply/backoff.ts';
import { ensureBookkeeping, pruneBookkeeping } from './apply/bookkeeping.ts';
import type { Claim } from './apply/claim.ts';
import { explain, toWaitFor } from './apply/db-errors.ts';
import { type DeadLetters, deadLettersOf } from './apply/dead-letters.ts';
import { OffsetStore, ZombieError } from './apply/offset-store.ts';
import { connectPool, withClient } from './apply/pool.ts';
import type { SinkConfig } from './config/sink-config.ts';
import { GroupCommits } from './consume/group-commits.ts';
import { GroupReader, type TopicPartition } from './consume/group-reader.ts';
import { lagByTable } from './consume/lag.ts';
import { Lane } from './consume/lane.ts';
import { takeOver } from './consume/take-over.ts';
import { TopicWatch } from './consume/topic-watch.ts';

const LOOK_AGAIN_MS = 500;
/** Fetched and not yet applied, over all partitions; one fetch more may come on top. */
const MAX_BUFFERED_BYTES = 48 * 1024 * 1024;
const LAG_EVERY_MS = 2_000;
const COMMIT_WITHIN_MS = 5_000;
const PRUNE_EVERY_MS = 600_000;
/** Lost partitions in a row, without one batch stored between them, after which the task gives up. */
const MAX_ZOMBIES = 10;

const healthyAdmit: AdmitStage = { admit: (_records, { paused }) => (paused ? 'hold' : 'apply') };

/** Consumer group of a connector, as Kafka Connect names it. */
export function groupIdOf(connector: string): string {
  return `connect-${connector}`;
}

/** The sink's task: group membership, fetch loop, one lane per partition. */
export class SinkTask implements Task {
  readonly done: Promise<void>;
  readonly #config: SinkConfig;
  readonly #context: TaskContext;
  readonly #abort = new AbortController();
  readonly #backoff: Backoff;
  readonly #pool: pg.Pool;
  readonly #offsets: OffsetStore;
  readonly #deadLetters: DeadLetters | null;
  readonly #applier: Applier;
  readonly #admit: AdmitStage;
  readonly #apply: ApplyStage;
  readonly #reader: GroupReader;
  readonly #commits: GroupCommits;
  readonly #watch: TopicWatch;
  readonly #changed = new Wake();
  #lanes = new Map<string, { lane: Lane; ended: Promise<void> }>();
  #assigned: readonly TopicPartition[] | null = null;
  #joined = false;
  #paused = false;
  #stopping = false;
  #failure: unknown = null;
  #zombies = 0;
  #stuck = false;
  #due = { discover: 0, lag: 0, prune: Date.now() + PRUNE_EVERY_MS };

  constructor(config: SinkConfig, context: TaskContext) {
    const { connector, log, bootstrapServers, defects } = context;
    this.#config = config;
    this.#context = context;
    const { maxRetries, retryDelayMs } = config;
    this.#backoff = new Backoff({ maxRetries, retryDelayMs, log, signal: this.#abort.signal });
    this.#pool = connectPool(config, connector, log);
    this.#offsets = new OffsetStore(connector, context.workerId);
    const clientId = `${connector}-${context.workerId}`.replaceAll(/\s/g, '_');
    this.#deadLetters = deadLettersOf(config, context, { clientId, backoff: this.#backoff });
    const dependencies = {
      pool: this.#pool,
      config,
      context,
      offsets: this.#offsets,
      backoff: this.#backoff,
    };
    this.#applier = new Applier({ ...dependencies, deadLetters: this.#deadLetters });
    this.#admit = defects.reduce((stage, defect) => defect.admit?.(stage) ?? stage, healthyAdmit);
    this.#apply = defects.reduce<ApplyStage>(
      (stage, defect) => defect.apply?.(stage) ?? stage,
      this.#applier,
    );
    this.#reader = new GroupReader({
      groupId: groupIdOf(connector),
      clientId,
      bootstrapServers,
      settings: config.consumer,
      log,
      onAssigned: (partitions) => {
        this.#assigned = partitions;
        this.#joined = true;
        this.#changed.raise();
      },
      onLost: (error) => {
        log.warn('the membership in the consumer group is lost; joining again', { error: messageOf(error) });
        this.#joined = false;
        this.#changed.raise();
      },
    });
    this.#watch = new TopicWatch({ config, reader: this.#reader, inUse: () => this.#topicsInUse() });
    this.#commits = new GroupCommits({
      commit: (partitions) => this.#reader.commit(partitions),
      isMember: () => this.#joined,
      onStuck: () => {
        this.#stuck = true;
        this.#joined = false;
        this.#changed.raise();
      },
      log,
      answerWithinMs: COMMIT_WITHIN_MS,
      // A rebalance may take so long by right.
      stuckAfterMs: config.consumer.rebalanceTimeoutMs + COMMIT_WITHIN_MS,
    });
    this.done = this.#run();
  }

  async pause(): Promise<void> {
    this.#paused = true;
    this.#wakeLanes();
  }

  async resume(): Promise<void> {
    this.#paused = false;
    this.#wakeLanes();
  }

  #wakeLanes(): void {
    for (const { lane } of this.#lanes.values()) lane.wake();
    this.#changed.raise();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#abort.abort(new Error('the task stops'));
    this.#changed.raise();
    // A failure has been reported through `done` already.
    await this.done.catch(() => undefined);
  }

  health(): readonly ComponentHealth[] {
    const components = this.#backoff.health();
    if (this.#failure !== null) {
      components.push({ component: 'task', health: 'failed', detail: messageOf(this.#failure) });
    }
    components.push({
      component: 'consumer-group',
      health: this.#joined ? 'ok' : 'degraded',
      detail: this.#joined
        ? `${this.#lanes.size} partitions assigned, generation ${this.#reader.generation}`
        : 'not a member yet',
    });
    return components;
  }

  async #run(): Promise<void> {
    try {
      const [schema] = this.#config.connection.schemas;
      await this.#retry('database', () => this.#withClient((client) => ensureBookkeeping(client, schema)));
      await this.#reader.removePredecessors();
      while (!this.#stopping && this.#failure === null) await this.#turn();
    } catch (error) {
      if (!this.#stopping) this.#failure ??= explain(error);
    } finally {
      await this.#close();
    }
    if (this.#failure !== null && !this.#stopping) throw this.#failure;
  }

  /** One turn of the loop: whatever is due, then one fetch. */
  async #turn(): Promise<void> {
    if (Date.now() >= this.#due.discover) await this.#discover();
    if (this.#watch.topics.length > 0 && !this.#joined) await this.#retry('broker', () => this.#join());
    const assigned = this.#assigned;
    if (assigned !== null) {
      this.#assigned = null;
      await this.#adopt(assigned);
    }
    if (Date.now() >= this.#due.lag) await this.#measureLag();
    if (Date.now() >= this.#due.prune) await this.#prune();
    await this.#fetch();
  }

  async #close(): Promise<void> {
    const { log } = this.#context;
    const ends = [...this.#lanes.values()].map(({ lane, ended }) => {
      lane.cancel();
      return ended;
    });
    await Promise.allSettled(ends);
    await this.#commits.settled();
    for (const [what, close] of [
      ['consumer', () => this.#reader.close()],
      ['producer', () => this.#deadLetters?.close()],
      ['database pool', () => this.#pool.end()],
    ] as const) {
      try {
        await close();
      } catch (error) {
        log.warn(`the ${what} did not close cleanly`, { error: messageOf(error) });
      }
    }
    this.#joined = false;
  }

  #withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return withClient(this.#pool, work);
  }

  async #retry<T>(component: 'database' | 'broker', work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await work();
        this.#backoff.succeeded(component);
        return result;
      } catch (error) {
        const culprit = toWaitFor(component, error);
        if (culprit === null || this.#stopping) throw error;
        await this.#backoff.wait(culprit, attempt, error);
      }
    }
  }

  #topicsInUse(): string[] {
    return [...new Set([...this.#lanes.values()].map(({ lane }) => lane.claim.topic))];
  }

  /** A new topic, or a new partition, means joining again. */
  async #discover(): Promise<void> {
    await this.#retry('broker', async () => {
      const { changed, isMissing } = await this.#watch.look();
      const nextMs = isMissing ? LOOK_AGAIN_MS : this.#config.consumer.metadataMaxAgeMs;
      this.#due.discover = Date.now() + Math.min(nextMs, this.#config.consumer.metadataMaxAgeMs);
      if (changed) this.#joined = false;
    });
  }

  /** Never beside a commit: each would take the other's generation for its own. */
  async #join(): Promise<void> {
    await this.#commits.settled();
    if (this.#stuck) {
      this.#context.log.info('the client lost touch with the group; going on with another one');
      await this.#reader.renew();
      this.#stuck = false;
    }
    try {
      await this.#reader.join(this.#watch.topics);
    } catch (error) {
      this.#stuck = true;
      throw error;
    }
  }

  /** Takes the assigned partitions over, each at the offset that the sink database has for it. */
  async #adopt(assigned: readonly TopicPartition[]): Promise<void> {
    const { log, crashPoints } = this.#context;
    const old = [...this.#lanes.values()];
    for (const { lane } of old) lane.cancel();
    await Promise.all(old.map(({ ended }) => ended));
    this.#lanes = new Map();
    this.#commits.forget();
    const topics = assigned.map(({ topic }) => topic);
    const metadata = await this.#retry('broker', () => this.#watch.refresh(topics));
    const claims: Claim[] = [];
    for (const part of assigned) {
      // Assigned again while this one was taking over: the newer assignment counts.
      if (this.#assigned !== null || this.#stopping) return;
      const claim = await this.#retry('database', () =>
        this.#withClient((client) =>
          takeOver({ client, offsets: this.#offsets, reader: this.#reader, metadata, part, log }),
        ),
      );
      claims.push(claim);
    }
    this.#applier.own(claims);
    for (const claim of claims) {
      const lane = new Lane(claim, {
        batchSize: this.#config.batchSize,
        applier: this.#applier,
        apply: this.#apply,
        admit: this.#admit,
        crashPoints,
        isPaused: () => this.#paused,
        onStored: (topic, partition, offset) => this.#stored(topic, partition, offset),
        onChange: () => this.#changed.raise(),
      });
      this.#lanes.set(`${claim.topic}:${claim.partition}`, { lane, ended: this.#runLane(lane) });
    }
    log.info('took partitions over', { partitions: claims.map((claim) => claim.describe()) });
    this.#due.lag = 0;
  }

  async #runLane(lane: Lane): Promise<void> {
    try {
      await lane.run();
    } catch (error) {
      lane.cancel();
      if (this.#stopping) return;
      if (error instanceof ZombieError) {
        this.#zombies++;
        this.#context.log.warn(error.message);
        if (this.#zombies <= MAX_ZOMBIES) {
          if (this.#assigned === null) this.#joined = false;
          this.#changed.raise();
          return;
        }
      }
      this.#failure ??= explain(error);
      this.#changed.raise();
    }
  }

  async #fetch(): Promise<void> {
    const { crashPoints } = this.#context;
    const lanes = [...this.#lanes.values()].map(({ lane }) => lane);
    const wanted = lanes.filter((lane) => lane.hasRoom);
    const { metadata } = this.#watch;
    const isHeld = this.#paused || lanes.some((lane) => lane.isHolding);
    const isFull = lanes.reduce((bytes, lane) => bytes + lane.bufferedBytes, 0) > MAX_BUFFERED_BYTES;
    if (
      metadata === null ||
      wanted.length === 0 ||
      isHeld ||
      isFull ||
      this.#assigned !== null ||
      !this.#joined
    ) {
      if (this.#assigned === null) await this.#changed.wait(LOOK_AGAIN_MS);
      return;
    }
    const asked = wanted.map(({ claim, fetchOffset }) => ({
      topic: claim.topic,
      partition: claim.partition,
      offset: fetchOffset,
    }));
    let known = metadata;
    const fetched = await this.#retry('broker', async () => {
      try {
        return await this.#reader.fetch(known, asked);
      } catch (error) {
        if (error instanceof LabError) throw error;
        known = await this.#watch.refresh();
        throw error;
      }
    });
    if (fetched.some(({ records }) => records.length > 0)) {
      const held = crashPoints.reach(CRASH_POINTS.afterFetch);
      if (held !== undefined) await held;
    }
    for (const part of fetched) {
      const lane = this.#lanes.get(`${part.topic}:${part.partition}`)?.lane;
      if (lane !== undefined && wanted.includes(lane)) lane.push(part);
    }
  }

  #stored(topic: string, partition: number, offset: bigint): void {
    this.#zombies = 0;
    this.#commits.note({ topic, partition }, offset);
  }

  async #measureLag(): Promise<void> {
    this.#due.lag = Date.now() + LAG_EVERY_MS;
    const lanes = [...this.#lanes.values()].map(({ lane }) => lane);
    if (lanes.length === 0) return;
    try {
      const claims = lanes.map(({ claim }) => claim);
      const behind = lagByTable(claims, await this.#reader.ends(this.#topicsInUse()));
      for (const [label, n] of behind) this.#context.metrics.lag(label, n);
      // Also where nothing new is stored: a commit that failed must not wait for the next record.
      for (const claim of claims) this.#commits.note(claim, claim.nextOffset);
    } catch (error) {
      // The fetch loop meets the same broker, and reports it.
      this.#context.log.debug('the lag is unknown', { error: messageOf(error) });
    }
  }

  async #prune(): Promise<void> {
    this.#due.prune = Date.now() + PRUNE_EVERY_MS;
    const { retentionMs } = this.#config;
    if (retentionMs < 0 || this.#watch.topics.length === 0) return;
    try {
      const topics = await this.#reader.retentionMs(this.#watch.topics);
      if (topics < 0) return;
      const longest = Math.max(retentionMs, topics);
      await this.#withClient((client) => pruneBookkeeping(client, this.#context.connector, longest));
    } catch (error) {
      this.#context.log.warn('old tombstones were not pruned', { error: messageOf(error) });
    }
  }
}
