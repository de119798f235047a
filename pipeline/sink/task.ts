import type pg from 'pg';
import type { Task, TaskContext } from '../contract/connector.ts';
import { CRASH_POINTS } from '../contract/crash-points.ts';
import { LabError, messageOf } from '../contract/errors.ts';
import { type ComponentHealth, DEFAULT_HEALTH_BOUNDS } from '../contract/health.ts';
import type { AdmitStage, ApplyStage } from '../contract/stages.ts';
import { Wake } from '../contract/wake.ts';
import { Applier } from './apply/applier.ts';
import { Backoff } from './apply/backoff.ts';
import { ensureBookkeeping, pruneBookkeeping } from './apply/bookkeeping.ts';
import type { Claim } from './apply/claim.ts';
import { explain } from './apply/db-errors.ts';
import { type DeadLetters, deadLettersOf } from './apply/dead-letters.ts';
import { lostTooOften, OffsetStore, ZombieError } from './apply/offset-store.ts';
import { connectPool, withClient } from './apply/pool.ts';
import type { SinkConfig } from './config/sink-config.ts';
import type { TopicPartition } from './consume/group-reader.ts';
import { LagMeter, lagHealth } from './consume/lag.ts';
import { Lanes } from './consume/lanes.ts';
import { Membership } from './consume/membership.ts';
import { takeOver } from './consume/take-over.ts';

const LOOK_AGAIN_MS = 500;
/** Fetched and not yet applied, over all partitions; the last fetch may exceed it. */
const MAX_BUFFERED_BYTES = 20 * 1024 * 1024;
const LAG_EVERY_MS = 2_000;
const PRUNE_EVERY_MS = 600_000;
/** After losing this many partitions in a row, without storing one batch between them, the task fails. */
const MAX_ZOMBIES = 10;

const healthyAdmit: AdmitStage = { admit: (_records, { paused }) => (paused ? 'hold' : 'apply') };

/** The consumer group of a connector, as Kafka Connect names it. */
export function groupIdOf(connector: string): string {
  return `connect-${connector}`;
}

/** The sink's task: wires membership, fetch loop, lanes and applier, and watches their health. */
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
  readonly #membership: Membership;
  readonly #lanes: Lanes;
  readonly #lag = new LagMeter();
  readonly #changed = new Wake();
  #paused = false;
  #failure: unknown = null;
  #zombies = 0;
  #due = { lag: 0, prune: Date.now() + PRUNE_EVERY_MS };

  constructor(config: SinkConfig, context: TaskContext) {
    const { connector, crashPoints, log, defects } = context;
    this.#config = config;
    this.#context = context;
    const { maxRetries, retryDelayMs } = config;
    this.#backoff = new Backoff({ maxRetries, retryDelayMs, log, signal: this.#abort.signal });
    this.#pool = connectPool(config, connector, log);
    this.#offsets = new OffsetStore(connector, context.workerId);
    const clientId = `${connector}-${context.workerId}`.replaceAll(/\s/g, '_');
    this.#deadLetters = deadLettersOf(config, context, { clientId, backoff: this.#backoff });
    this.#applier = new Applier({
      pool: this.#pool,
      config,
      context,
      offsets: this.#offsets,
      backoff: this.#backoff,
      deadLetters: this.#deadLetters,
    });
    this.#lanes = new Lanes({
      batchSize: config.batchSize,
      applier: this.#applier,
      apply: defects.reduce<ApplyStage>((stage, defect) => defect.apply?.(stage) ?? stage, this.#applier),
      admit: defects.reduce((stage, defect) => defect.admit?.(stage) ?? stage, healthyAdmit),
      crashPoints,
      isPaused: () => this.#paused,
      onStored: (topic, partition, offset) => this.#stored({ topic, partition }, offset),
      onChange: () => this.#changed.raise(),
      onFailure: (error) => this.#laneFailed(error),
    });
    this.#membership = new Membership({
      config,
      context,
      groupId: groupIdOf(connector),
      clientId,
      inUse: () => this.#lanes.topics,
      onChange: () => this.#changed.raise(),
    });
    this.done = this.#run();
  }

  async pause(): Promise<void> {
    this.#paused = true;
    this.#wakeAll();
  }

  async resume(): Promise<void> {
    this.#paused = false;
    this.#lag.moved(Date.now());
    this.#wakeAll();
  }

  #wakeAll(): void {
    this.#lanes.wake();
    this.#changed.raise();
  }

  get #isStopping(): boolean {
    return this.#abort.signal.aborted;
  }

  async stop(): Promise<void> {
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
    const lanes = this.#lanes.all;
    const { isJoined, reader } = this.#membership;
    components.push({
      component: 'consumer-group',
      health: isJoined ? 'ok' : 'degraded',
      detail: isJoined
        ? `${lanes.length} partitions assigned, generation ${reader.generation}`
        : 'not a member yet',
    });
    const lag = this.#lag.observe(lanes, this.#paused, Date.now());
    return [...components, ...lagHealth(lag, this.#context.healthBounds ?? DEFAULT_HEALTH_BOUNDS)];
  }

  async #run(): Promise<void> {
    try {
      const [schema] = this.#config.connection.schemas;
      await this.#backoff.retry('database', () =>
        withClient(this.#pool, (client) => ensureBookkeeping(client, schema)),
      );
      await this.#membership.reader.removePredecessors();
      while (!this.#isStopping && this.#failure === null) await this.#turn();
    } catch (error) {
      if (!this.#isStopping) this.#failure ??= explain(error);
    } finally {
      await this.#close();
    }
    if (this.#failure !== null && !this.#isStopping) throw this.#failure;
  }

  /** One turn of the loop: everything that is due, then one fetch. */
  async #turn(): Promise<void> {
    if (this.#membership.mustLook(Date.now())) {
      await this.#backoff.retry('broker', () => this.#membership.look(Date.now()));
    }
    if (this.#membership.mustJoin) await this.#backoff.retry('broker', () => this.#membership.join());
    const assigned = this.#membership.takeAssignment();
    if (assigned !== null) await this.#adopt(assigned);
    if (Date.now() >= this.#due.lag) await this.#measureLag();
    if (Date.now() >= this.#due.prune) await this.#prune();
    await this.#fetch();
  }

  async #close(): Promise<void> {
    await this.#lanes.end();
    for (const [what, close] of [
      ['consumer', () => this.#membership.close()],
      ['producer', () => this.#deadLetters?.close()],
      ['database pool', () => this.#pool.end()],
    ] as const) {
      try {
        await close();
      } catch (error) {
        this.#context.log.warn(`the ${what} did not close cleanly`, { error: messageOf(error) });
      }
    }
  }

  /** Takes the assigned partitions over, each at the offset that the sink database has for it. */
  async #adopt(assigned: readonly TopicPartition[]): Promise<void> {
    const { log } = this.#context;
    await this.#lanes.end();
    this.#membership.forgetCommits();
    const { reader } = this.#membership;
    const topics = assigned.map(({ topic }) => topic);
    const metadata = await this.#backoff.retry('broker', () => this.#membership.refresh(topics));
    const claims: Claim[] = [];
    for (const part of assigned) {
      // A newer assignment came while this one was being taken over.
      if (this.#membership.isReassigned || this.#isStopping) return;
      const claim = await this.#backoff.retry('database', () =>
        withClient(this.#pool, (client) =>
          takeOver({ client, offsets: this.#offsets, reader, metadata, part, log }),
        ),
      );
      claims.push(claim);
    }
    this.#applier.own(claims);
    this.#lanes.start(claims);
    log.info('took partitions over', { partitions: claims.map((claim) => claim.describe()) });
    this.#due.lag = 0;
  }

  #laneFailed(error: unknown): void {
    if (this.#isStopping) return;
    if (error instanceof ZombieError && this.#zombies < MAX_ZOMBIES) {
      this.#zombies++;
      this.#context.log.warn(error.message);
      this.#membership.rejoin();
      return;
    }
    this.#failure ??= error instanceof ZombieError ? lostTooOften(error, MAX_ZOMBIES + 1) : explain(error);
    this.#changed.raise();
  }

  async #fetch(): Promise<void> {
    const lanes = this.#lanes.all.filter((lane) => lane.hasRoom);
    const { metadata, isReassigned, isJoined, reader } = this.#membership;
    const isHeld = this.#paused || this.#lanes.isHolding;
    const isFull = this.#lanes.bufferedBytes > MAX_BUFFERED_BYTES;
    if (isReassigned) return;
    if (metadata === null || lanes.length === 0 || isHeld || isFull || !isJoined) {
      await this.#changed.wait(LOOK_AGAIN_MS);
      return;
    }
    const wanted = lanes.map(({ claim, fetchOffset }) => ({
      topic: claim.topic,
      partition: claim.partition,
      offset: fetchOffset,
    }));
    let known = metadata;
    const fetched = await this.#backoff.retry('broker', async () => {
      try {
        return await reader.fetch(known, wanted);
      } catch (error) {
        if (error instanceof LabError) throw error;
        known = await this.#membership.refresh();
        throw error;
      }
    });
    if (fetched.some(({ records }) => records.length > 0)) {
      const held = this.#context.crashPoints.reach(CRASH_POINTS.afterFetch);
      if (held !== undefined) await held;
    }
    for (const part of fetched) this.#lanes.push(part, lanes);
  }

  #stored(partition: TopicPartition, offset: bigint): void {
    this.#zombies = 0;
    this.#lag.moved(Date.now());
    this.#membership.commit(partition, offset);
  }

  async #measureLag(): Promise<void> {
    this.#due.lag = Date.now() + LAG_EVERY_MS;
    const lanes = this.#lanes.all;
    if (lanes.length === 0) return;
    try {
      this.#lag.measured(await this.#membership.reader.ends(this.#lanes.topics), lanes, Date.now());
      for (const [label, n] of this.#lag.byTable(lanes)) this.#context.metrics.lag(label, n);
      // Also if nothing new was stored: a commit that failed must not wait for the next record.
      for (const { claim } of lanes) this.#membership.commit(claim, claim.nextOffset);
    } catch (error) {
      // The fetch loop meets the same broker, and reports it.
      this.#context.log.debug('the lag could not be measured', { error: messageOf(error) });
    }
  }

  async #prune(): Promise<void> {
    this.#due.prune = Date.now() + PRUNE_EVERY_MS;
    const { retentionMs } = this.#config;
    const { topics, reader } = this.#membership;
    if (retentionMs < 0 || topics.length === 0) return;
    try {
      const keptMs = await reader.retentionMs(topics);
      if (keptMs < 0) return;
      const longest = Math.max(retentionMs, keptMs);
      await withClient(this.#pool, (client) => pruneBookkeeping(client, this.#context.connector, longest));
    } catch (error) {
      this.#context.log.warn('the bookkeeping tables were not pruned', { error: messageOf(error) });
    }
  }
}
