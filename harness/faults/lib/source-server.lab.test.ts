import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { applySchema } from '../../../fixtures/schema/schema.ts';
import type { Instance, Lab } from '../../lab/lab.ts';
import { preparePostgres } from '../../lab/process/postgres-service.ts';
import { type TemporaryLab, temporaryLab } from '../../lab/process/testing/temporary-lab.ts';
import { freePorts } from '../../lab/services/ports.ts';
import type { Fault, FaultContext } from '../../plugins/fault.ts';
import copySource from '../copy-source.ts';
import promoteStandby from '../promote-standby.ts';
import restoreSource from '../restore-source.ts';
import startStandby from '../start-standby.ts';
import switchSource from '../switch-source.ts';

const WITHIN_MS = 60_000;
const PASSWORD = 'secret';
const formerPassword = process.env.PGPASSWORD;
process.env.PGPASSWORD = PASSWORD;
afterAll(() => {
  process.env.PGPASSWORD = formerPassword;
});

/** A source without a pipeline: what the faults do to it is between the server and them. */
class Source implements AsyncDisposable {
  readonly context: FaultContext;
  readonly ledger: string;
  readonly #lab: TemporaryLab;
  readonly #pool: pg.Pool;

  private constructor(lab: TemporaryLab, port: number) {
    this.#lab = lab;
    const sourceUrl = `postgres://postgres@127.0.0.1:${port}/shop`;
    this.#pool = new pg.Pool({ connectionString: sourceUrl, password: PASSWORD, max: 2 });
    this.#pool.on('error', () => undefined);
    this.ledger = join(lab.dir, 'ledger.ndjson');
    writeFileSync(this.ledger, '');
    const instance = {
      name: 'x',
      sourceUrl,
      slot: 'cdc_x',
      privateServers: ['pg-source'],
      ledgerPath: this.ledger,
    };
    this.context = {
      lab: { runtime: lab.runtime } as unknown as Lab,
      instance: instance as unknown as Instance,
      access: { query: (_: string, sql: string, params?: unknown[]) => this.query(sql, params) },
      signal: AbortSignal.timeout(WITHIN_MS),
      withinMs: 30_000,
    } as unknown as FaultContext;
  }

  static async start(): Promise<Source> {
    const lab = temporaryLab();
    const [port = 0] = await freePorts(1);
    const spec = await preparePostgres({
      ...{ name: 'pg-source@x', stateDir: lab.dir, password: PASSWORD, port },
      dataDir: join(lab.dir, 'data', 'pg-source@x'),
      log: join(lab.dir, 'pg-source.log'),
    });
    await lab.runtime.launch(spec);
    const first = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'postgres',
      database: 'postgres',
      password: PASSWORD,
    });
    await first.connect();
    await first.query('CREATE DATABASE shop');
    await first.end();
    const source = new Source(lab, port);
    const client = await source.#pool.connect();
    await applySchema(client);
    client.release();
    return source;
  }

  async query(sql: string, params: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.#pool.query(sql, [...params])).rows;
  }

  /** A customer, with its lines in the ledger. */
  async customer(id: number): Promise<void> {
    const key = `00000000-0000-0000-0000-${String(id).padStart(12, '0')}`;
    const [row] = await this.query(
      `INSERT INTO customers (id, email, name) VALUES ($1, $2, 'a') RETURNING pg_current_xact_id()::text AS xid`,
      [key, `${id}@example.org`],
    );
    const [tx, at] = [Number(row?.xid), new Date().toISOString()];
    const lines = [
      { t: 'intent', tx, xid: String(row?.xid), at, writes: [] },
      { t: 'outcome', tx, result: 'ok', at },
    ];
    writeFileSync(this.ledger, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { flag: 'a' });
  }

  /** As a capture does: a slot is synchronised only when the standby has its WAL. */
  async readSlot(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.query(`SELECT pg_replication_slot_advance('cdc_x', pg_current_wal_lsn())`);
      await sleep(100, undefined, { signal }).catch(() => undefined);
    }
  }

  async customers(): Promise<number> {
    const [row] = await this.query('SELECT count(*)::int AS n FROM customers');
    return Number(row?.n);
  }

  /** Observes, injects and proves. */
  async break<P extends object>(fault: Fault<P>, given: object = {}) {
    const params = fault.params.parse(given);
    const before = await fault.observe(this.context, params);
    const done = await fault.inject(this.context, params);
    return { proof: await fault.prove(this.context, params, before, done), done };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
    await this.#lab[Symbol.asyncDispose]();
  }
}

beforeEach(() => {
  process.env.PGPASSWORD = PASSWORD;
});

test('a standby is promoted with every commit and without the slot', { timeout: WITHIN_MS }, async () => {
  await using source = await Source.start();
  await source.query(`SELECT pg_create_logical_replication_slot('cdc_x', 'pgoutput')`);
  expect((await source.break(startStandby)).proof).toMatchObject({ streams: true });
  await source.customer(1);
  const { proof } = await source.break(promoteStandby);
  expect(proof).toMatchObject({
    slot: null,
    before: { timeline: 1 },
    now: { timeline: 2 },
    ledger: { lost: 0 },
  });
  expect(await source.customers()).toBe(1);
});

test('a standby that was cut off has the slot, and not what came later: the ledger is rebased', {
  timeout: WITHIN_MS,
}, async () => {
  await using source = await Source.start();
  await source.query(`SELECT pg_create_logical_replication_slot('cdc_x', 'pgoutput', failover => true)`);
  await source.customer(1);
  const given = { syncsSlot: true, isCut: true };
  const reading = new AbortController();
  const read = source.readSlot(reading.signal);
  const standby = await source.break(startStandby, given);
  reading.abort();
  await read;
  expect(standby.proof).toMatchObject({ streams: false });
  await source.customer(2);
  const { proof } = await source.break(promoteStandby);
  expect(proof).toMatchObject({ slot: { name: 'cdc_x' }, now: { timeline: 2 }, ledger: { lost: 1 } });
  expect(await source.customers()).toBe(1);
});

test('a source that is restored ends before its former end, and the ledger is rebased', {
  timeout: WITHIN_MS,
}, async () => {
  await using source = await Source.start();
  await source.customer(1);
  expect((await source.break(copySource)).proof).toBeDefined();
  await source.customer(2);
  await source.customer(3);
  const { proof } = await source.break(restoreSource);
  expect(proof).toMatchObject({ ledger: { lost: 2 }, now: { timeline: 1 } });
  expect(await source.customers()).toBe(1);
});

test('another server has the same rows and another system identifier', { timeout: WITHIN_MS }, async () => {
  await using source = await Source.start();
  await source.customer(1);
  const { proof } = await source.break(switchSource);
  expect(proof).toMatchObject({ rows: { 'public.customers': 1 } });
  expect(proof?.systemNow).not.toBe(proof?.systemBefore);
  expect(await source.customers()).toBe(1);
});
