import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Kafka } from 'kafkajs';
import pg from 'pg';
import type { VerifierConfig } from '../../verifier/config.ts';
import { connectionOptions } from '../../verifier/connection/connection-string.ts';
import { kafkaOptions, plainKafka } from '../../verifier/connection/kafka.ts';
import { quietKafka } from '../../verifier/connection/quiet-kafka.ts';
import { type Report, reportSchema } from '../../verifier/report.ts';
import { lateReport, within } from '../../verifier/verification/late-report.ts';
import type { OffsetAnswer, StatusAnswer } from '../connect/answers.ts';
import { listTopics } from '../lab/instance/list-topics.ts';
import type { Instance } from '../lab/lab.ts';
import { findStateDir } from '../lab/state/state-dir.ts';
import type { Access, Committed, CrashPointState, Side, TopicLag, WorkerRole } from './access.ts';
import { SIGNAL_TABLE } from './captured-tables.ts';
import { acceptAnswer, requestJson } from './http-json.ts';
import { countRedelivered } from './redelivered.ts';
import { fastestSnapshot, type SnapshotRate } from './snapshot-rate.ts';
import type { VerifierHere } from './verify-here.ts';
import { WorkerGroup } from './worker-group.ts';

/** How much later than asked for an answer may come. A verifier that is silent for longer is not waited for. */
const GRACE_MS = 500;
const SILENT_MS = 750;
/** Share of the time for the fence: the rest is for what is reported if it is not passed. */
const FENCE_SHARE = 0.9;

/** A client for the instance's Kafka, with its logins and certificates. */
export function kafkaClient({
  bootstrapServers,
  reach,
}: Pick<Instance, 'bootstrapServers' | 'reach'>): Kafka {
  return quietKafka({
    clientId: 'cdc-lab-harness',
    ...kafkaOptions(reach?.kafka ?? plainKafka(bootstrapServers)),
    connectionTimeout: 3000,
    requestTimeout: 10_000,
    retry: { retries: 3, initialRetryTime: 100 },
  });
}

/** Access over the instance's own protocols: SQL, Kafka, the Connect REST API, the verifier's HTTP. */
export async function openAccess(instance: Instance): Promise<Access> {
  return new LiveAccess(instance);
}

class LiveAccess implements Access {
  readonly #instance: Instance;
  readonly #pools = new Map<Side, pg.Pool>();
  readonly #kafka: Kafka;
  #admin: ReturnType<Kafka['admin']> | null = null;
  #here: VerifierHere | null = null;
  #ledger = { ino: 0, offset: 0, committed: 0, rest: '' };

  constructor(instance: Instance) {
    this.#instance = instance;
    this.#kafka = kafkaClient(instance);
  }

  async query(side: Side, sql: string, params: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const result = await this.#pool(side).query(sql, [...params]);
    return result.rows;
  }

  async transaction(side: Side, statements: readonly string[]): Promise<Committed> {
    const client = await this.#pool(side).connect();
    try {
      await client.query('BEGIN');
      const rows: (number | null)[] = [];
      for (const sql of statements) rows.push((await client.query(sql)).rowCount);
      // `pg_current_xact_id()` would assign an id to a transaction that wrote nothing.
      const { rows: ids } = await client.query<{ xid: string | null }>(
        'SELECT pg_current_xact_id_if_assigned()::text AS xid',
      );
      await client.query('COMMIT');
      return { xid: ids[0]?.xid ?? null, rows };
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  async lagByPartition(): Promise<readonly TopicLag[]> {
    const admin = await this.#connectedAdmin();
    const topics = await this.#topics();
    // A pipeline without Kafka has no group, and a broker that never had one has no coordinator to ask.
    if (topics.length === 0) return [];
    const groups = await admin.fetchOffsets({ groupId: this.#instance.consumerGroup, topics });
    const committed = new Map(
      groups.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => [`${topic}/${partition}`, BigInt(offset)] as const),
      ),
    );
    const lags: TopicLag[] = [];
    for (const topic of topics) {
      for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
        const stored = committed.get(`${topic}/${partition}`) ?? -1n;
        // -1: the group has committed nothing there yet, and begins at the log's start.
        lags.push({
          topic,
          partition,
          committed: stored < 0n ? BigInt(low) : stored,
          end: BigInt(high),
        });
      }
    }
    return lags;
  }

  async lag(): Promise<{ events: number; slotBytes: number | null }> {
    const partitions = await this.lagByPartition();
    const events = partitions.reduce((sum, { committed, end }) => sum + Number(end - (committed ?? 0n)), 0);
    const [row] = await this.query(
      'source',
      `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::int8 AS bytes
         FROM pg_replication_slots WHERE slot_name = $1`,
      [this.#instance.slot],
    );
    return { events, slotBytes: row === undefined ? null : Number(row.bytes) };
  }

  async endOffsets(): Promise<ReadonlyMap<string, bigint>> {
    const admin = await this.#connectedAdmin();
    const ends = new Map<string, bigint>();
    for (const topic of await this.#topics()) {
      const partitions = await admin.fetchTopicOffsets(topic);
      ends.set(
        topic,
        partitions.reduce((sum, { high }) => sum + BigInt(high), 0n),
      );
    }
    return ends;
  }

  async redelivered(signal: AbortSignal): Promise<number> {
    return countRedelivered(this.#kafka, await this.#connectedAdmin(), await this.#topics(), signal);
  }

  async fastestSnapshot(signal: AbortSignal): Promise<SnapshotRate | undefined> {
    const [admin, topics] = [await this.#connectedAdmin(), await this.#topics()];
    return fastestSnapshot({ kafka: this.#kafka, admin, topics, signal });
  }

  async emptyTopics(): Promise<void> {
    const admin = await this.#connectedAdmin();
    for (const topic of await this.#topics()) {
      const ends = (await admin.fetchTopicOffsets(topic)).filter(({ low, high }) => low !== high);
      const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
      if (partitions.length > 0) await admin.deleteTopicRecords({ topic, partitions });
    }
  }

  async committed(): Promise<number> {
    const { ledgerPath } = this.#instance;
    if (!existsSync(ledgerPath)) return 0;
    const file = openSync(ledgerPath, 'r');
    try {
      const { ino } = fstatSync(file);
      // It was replaced: see rebase-ledger.ts.
      if (ino !== this.#ledger.ino) this.#ledger = { ino, offset: 0, committed: 0, rest: '' };
      const chunk = Buffer.alloc(1 << 20);
      for (;;) {
        const bytes = readSync(file, chunk, 0, chunk.length, this.#ledger.offset);
        if (bytes === 0) return this.#ledger.committed;
        this.#ledger.offset += bytes;
        const lines = (this.#ledger.rest + chunk.toString('latin1', 0, bytes)).split('\n');
        this.#ledger.rest = lines.pop() ?? '';
        this.#ledger.committed += lines.filter(isCommit).length;
      }
    } finally {
      closeSync(file);
    }
  }

  async verify(options: { deadlineMs: number; quiet?: boolean; signal: AbortSignal }): Promise<Report> {
    const { deadlineMs, quiet = false, signal } = options;
    const { reach } = this.#instance;
    if (reach !== undefined) return await this.#verifyHere(reach.verifierConfig(), deadlineMs, signal);
    // The deadline bounds the wait for the fence; the comparison takes as long as the tables are large.
    return await this.#askVerifier({ deadlineMs, quiet }, signal);
  }

  async verifyWithin(withinMs: number, signal: AbortSignal): Promise<Report> {
    const { reach } = this.#instance;
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    const late = (why: string) => () => lateReport(withinMs, `${why}; ask again with a longer deadline`);
    try {
      if (reach === undefined) {
        const answer = this.#askVerifier({ withinMs }, both);
        return await within(answer, withinMs + SILENT_MS, late('the verifier did not answer'));
      }
      const report = this.#verifyHere(reach.verifierConfig(), Math.round(withinMs * FENCE_SHARE), both);
      return await within(report, withinMs + GRACE_MS, late('the verification is still under way'));
    } finally {
      // Nobody waits for it any longer, and it must not keep the process alive.
      over.abort(new Error('the deadline passed'));
    }
  }

  async #verifyHere(config: VerifierConfig, deadlineMs: number, signal: AbortSignal): Promise<Report> {
    // Loaded lazily: it is not needed where a verifier runs beside the pipeline.
    this.#here ??= new (await import('./verify-here.ts')).VerifierHere(findStateDir(config.stateDir) ?? null);
    return await this.#here.verify(config, deadlineMs, signal);
  }

  async #askVerifier(body: object, signal: AbortSignal): Promise<Report> {
    const url = `${this.#instance.verifierUrl}/verify`;
    return acceptAnswer(reportSchema, await requestJson('POST', url, body, signal), url);
  }

  armCrashPoint(role: WorkerRole, point: string, skip: number): Promise<void> {
    return this.#workers(role).arm(point, skip);
  }

  releaseCrashPoint(role: WorkerRole, point: string): Promise<void> {
    return this.#workers(role).release(point);
  }

  crashPoints(role: WorkerRole): Promise<CrashPointState> {
    return this.#workers(role).crashPoints();
  }

  connectorOffsets(role: WorkerRole): Promise<readonly OffsetAnswer[]> {
    return this.#workers(role).offsets();
  }

  connectorStatus(role: WorkerRole): Promise<StatusAnswer> {
    return this.#workers(role).status();
  }

  pauseConnector(role: WorkerRole): Promise<void> {
    return this.#workers(role).pause();
  }

  resumeConnector(role: WorkerRole): Promise<void> {
    return this.#workers(role).resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin?.disconnect();
    for (const pool of this.#pools.values()) await pool.end();
  }

  #pool(side: Side): pg.Pool {
    const known = this.#pools.get(side);
    if (known !== undefined) return known;
    const { sourceUrl, sinkUrl, reach } = this.#instance;
    const target = connectionOptions(side === 'source' ? sourceUrl : sinkUrl, `${side}.password`);
    const pool = new pg.Pool({
      ...target,
      application_name: 'cdc-lab-harness',
      max: 2,
      connectionTimeoutMillis: 5000,
      query_timeout: 60_000,
      ...(reach?.readOnly === true ? { options: '-c default_transaction_read_only=on' } : {}),
    });
    // The pool replaces an idle connection that breaks, as when a server is killed; if it cannot, the next query fails.
    pool.on('error', () => undefined);
    this.#pools.set(side, pool);
    return pool;
  }

  async #connectedAdmin(): Promise<ReturnType<Kafka['admin']>> {
    if (this.#admin === null) {
      const admin = this.#kafka.admin();
      await admin.connect();
      this.#admin = admin;
    }
    return this.#admin;
  }

  /** Topics with the tables' events. */
  async #topics(): Promise<string[]> {
    const admin = await this.#connectedAdmin();
    return tableTopics(await listTopics(admin), this.#instance.topicPrefix);
  }

  #workers(role: WorkerRole): WorkerGroup {
    return new WorkerGroup(this.#instance, role);
  }
}

/**
 * `PREFIX.SCHEMA.TABLE`, sorted. Debezium also publishes what no sink reads: signals, logical messages
 * (`PREFIX.message`), transactions (`PREFIX.transaction`).
 */
export function tableTopics(topics: readonly string[], prefix: string): string[] {
  const tables = topics.filter(
    (name) => name.startsWith(`${prefix}.`) && name.slice(prefix.length + 1).includes('.'),
  );
  return tables.filter((name) => !name.endsWith(`.${SIGNAL_TABLE}`)).sort();
}

function isCommit(line: string): boolean {
  return line.includes('"t":"outcome"') && line.includes('"result":"ok"');
}
