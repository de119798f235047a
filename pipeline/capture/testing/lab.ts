import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { onTestFailed } from 'vitest';
import { DeadlineError, poll } from '../../../harness/wait.ts';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';
import type { ConnectorConfig, Logger, Task, TaskContext } from '../../contract/connector.ts';
import type { CrashPoint } from '../../contract/crash-points.ts';
import type { HealthBounds } from '../../contract/health.ts';
import type { Defect } from '../../contract/stages.ts';
import { createEventEncoder } from '../../envelope/encoder.ts';
import { createPgOutputDecoder } from '../../pgoutput/decode.ts';
import { createFastReader } from '../../pgoutput/fast-path.ts';
import { createPostgresSource } from '../connector.ts';
import { readTopic, type SeenRecord } from './read-topic.ts';

/** The source connector as the worker builds it. */
export const source = createPostgresSource({
  decode: createPgOutputDecoder(),
  decodeBytes: createPgOutputDecoder('latin1'),
  readFast: createFastReader(),
  createEncoder: createEventEncoder,
});

/** Crash points that a test arms and releases. */
export class TestCrashPoints {
  readonly waiting = new Map<CrashPoint, () => void>();
  readonly #armed = new Map<CrashPoint, number>();

  arm(point: CrashPoint, skip = 0): void {
    this.#armed.set(point, skip);
  }

  reach(point: CrashPoint): Promise<void> | undefined {
    const skip = this.#armed.get(point);
    if (skip === undefined) return undefined;
    if (skip > 0) {
      this.#armed.set(point, skip - 1);
      return undefined;
    }
    return new Promise((resolve) => this.waiting.set(point, resolve));
  }

  holds(point: CrashPoint): boolean {
    return this.#armed.get(point) === 0;
  }

  release(point: CrashPoint): void {
    this.#armed.delete(point);
    this.waiting.get(point)?.();
    this.waiting.delete(point);
  }
}

/** A database, a topic prefix and a connector for one test, and the records that came out of it. */
export class Bench implements AsyncDisposable {
  readonly id = `c${randomUUID().slice(0, 8)}`;
  readonly slot: string = `cap_${this.id}`;
  readonly crashPoints = new TestCrashPoints();
  readonly log: { level: string; message: string; fields: unknown }[] = [];
  /** When each line of the log was written. */
  readonly #loggedAt: string[] = [];
  readonly defects: Defect[] = [];
  /** `lossy public.item` → n. */
  readonly counted = new Map<string, number>();
  readonly bootstrap: string;
  readonly url: URL;
  readonly #admin: Client;
  #sql: Client | undefined;
  #tasks: Task[] = [];
  bootstrapOverride: string | undefined;
  healthBounds: HealthBounds | undefined;

  private constructor(sourceUrl: string, bootstrap: string) {
    this.url = new URL(sourceUrl);
    this.bootstrap = bootstrap;
    this.#admin = new Client(sourceUrl);
  }

  /** @param options Of CREATE DATABASE. */
  static async create(sourceUrl: string, bootstrap: string, options = ''): Promise<Bench> {
    const bench = new Bench(sourceUrl, bootstrap);
    onTestFailed(() => console.error(bench.#logLines()));
    await bench.#admin.connect();
    await bench.#admin.query(`CREATE DATABASE ${bench.id} ${options}`);
    bench.url.pathname = `/${bench.id}`;
    bench.#sql = await bench.connect();
    return bench;
  }

  get sql(): Client {
    if (!this.#sql) throw new Error('not created');
    return this.#sql;
  }

  async connect(): Promise<Client> {
    const client = new Client(this.url.href);
    await client.connect();
    return client;
  }

  config(overrides: ConnectorConfig = {}): ConnectorConfig {
    return {
      name: this.id,
      'connector.class': source.className,
      'database.hostname': this.url.hostname,
      'database.port': this.url.port,
      'database.user': this.url.username,
      ...(this.url.password ? { 'database.password': this.url.password } : {}),
      'database.dbname': this.id,
      'topic.prefix': this.id,
      'slot.name': this.slot,
      'publication.name': `pub_${this.id}`,
      'publication.autocreate.mode': 'filtered',
      'signal.data.collection': 'public.debezium_signal',
      'key.converter.schemas.enable': 'false',
      'value.converter.schemas.enable': 'false',
      'status.update.interval.ms': '500',
      'errors.retry.delay.max.ms': '500',
      ...overrides,
    };
  }

  context(): TaskContext {
    const write = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
      this.log.push({ level, message, fields });
      this.#loggedAt.push(new Date().toISOString());
      if (process.env.CDC_LAB_TEST_LOG) console.error(level, message, JSON.stringify(fields ?? {}));
    };
    const log: Logger = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    };
    return {
      connector: this.id,
      workerId: 'test',
      bootstrapServers: [this.bootstrapOverride ?? this.bootstrap],
      offsetsTopic: `${this.id}-offsets`,
      log,
      metrics: {
        count: (what, table, n) => {
          const name = `${what} ${table}`;
          this.counted.set(name, (this.counted.get(name) ?? 0) + n);
        },
        lag: () => {},
        latency: () => {},
      },
      crashPoints: this.crashPoints,
      defects: this.defects,
      ...(this.healthBounds ? { healthBounds: this.healthBounds } : {}),
    };
  }

  /** The tasks' log as text, which tells why a test waited for something that never came. */
  #logLines(): string {
    const lines = this.log.map(
      ({ level, message, fields }, i) =>
        `${this.#loggedAt[i]} ${level} ${message} ${JSON.stringify(fields ?? {}, plain)}`,
    );
    return `The log of ${this.id}:\n${lines.join('\n')}`;
  }

  async start(overrides: ConnectorConfig = {}): Promise<Task> {
    const task = await source.start(this.config(overrides), this.context());
    this.#tasks.push(task);
    return task;
  }

  /**
   * What remedies say of a connector that has stopped: its offsets and the slot are removed, and it is started, which takes
   * a new snapshot.
   */
  async startOver(overrides: ConnectorConfig = {}): Promise<Task> {
    await source.alterOffsets(this.config(), this.context(), null);
    await this.sql.query('SELECT pg_drop_replication_slot($1)', [this.slot]);
    return await this.start(overrides);
  }

  /** Waits until the slot has confirmed everything that is committed by now. */
  async settled(deadlineMs = 40_000): Promise<void> {
    const { rows } = await this.sql.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
    await until(deadlineMs, 'the slot to confirm', async () => {
      const { rows: slots } = await this.sql.query<{ ok: boolean }>(
        'SELECT confirmed_flush_lsn >= $1::pg_lsn AS ok FROM pg_replication_slots WHERE slot_name = $2',
        [rows[0]?.lsn, this.slot],
      );
      return slots[0]?.ok === true;
    });
  }

  async offset(): Promise<Record<string, unknown>> {
    const offsets = await source.offsets(this.config(), this.context());
    return { ...offsets[0]?.offset };
  }

  /** All records in the topic of a table, in order. */
  async records(table: string): Promise<SeenRecord[]> {
    return await readTopic(this.bootstrap, `${this.id}.public.${table}`);
  }

  /** All records in a topic that is not named after a table. */
  async topic(name: string): Promise<SeenRecord[]> {
    return await readTopic(this.bootstrap, `${this.id}.${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const task of this.#tasks) await task.stop();
    await this.#sql?.end();
    await this.#admin.query(
      `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name LIKE '${this.slot}%' AND active`,
    );
    await until(40_000, 'the slot to be dropped', async () => {
      try {
        await this.#admin.query(
          `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '${this.id}'`,
        );
        return true;
      } catch {
        return false;
      }
    });
    await this.#admin.query(`DROP DATABASE ${this.id} WITH (FORCE)`);
    await this.#admin.end();
    const admin = quietKafka({ brokers: [this.bootstrap] }).admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(this.id));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await admin.disconnect();
  }
}

/** Polls until the condition holds. @throws DeadlineError at the deadline, and whatever the condition throws. */
export async function until(
  deadlineMs: number,
  what: string,
  condition: () => Promise<boolean>,
): Promise<void> {
  const met = await poll(condition, { withinMs: deadlineMs, everyMs: 20 });
  if (met === undefined) throw new DeadlineError(what, deadlineMs);
}

/** For JSON.stringify: bigint as text, an error as its message. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Error ? value.message : value;
}

/** The final rows for a reader that respects positions: the newest row of each key, without deleted ones. */
export function fold(records: readonly SeenRecord[]): Map<string, Record<string, unknown>> {
  const newest = new Map<string, { position: string; row: Record<string, unknown> | null }>();
  for (const { key, value, position } of records) {
    if (value === null) continue;
    const id = JSON.stringify(key);
    const known = newest.get(id);
    if (known && known.position > position) continue;
    newest.set(id, { position, row: value.after });
  }
  const rows = new Map<string, Record<string, unknown>>();
  for (const [id, { row }] of newest) if (row !== null) rows.set(id, row);
  return rows;
}
