import { setTimeout as sleep } from 'node:timers/promises';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { readLsn } from '../connection/lsn.ts';
import { Database } from '../connection/postgres.ts';
import { OwnSlot } from '../exact/own-slot.ts';
import { type Relation, readRelations } from '../exact/relations.ts';
import { relationOf, type Table } from '../observe/source/catalogue.ts';
import { ChangedKeys, type FollowedTable, type Taken } from './changed-keys.ts';

/** Time for the slot's creation, which waits for every transaction that was open when it began. */
const CREATION_MS = 30_000;
/** A stream that does not reach a position within this time has stopped. */
const DRAIN_MS = 10_000;
/** How often a position of the server is asked for again. */
const POLL_MS = 10;
/** Give up on a transaction that is committed in the WAL and not visible for this long. */
const VISIBLE_MS = 5_000;

const POSITIONS_SQL = `
  SELECT pg_current_wal_insert_lsn()::text AS inserted, pg_current_wal_flush_lsn()::text AS flushed,
         (SELECT setting FROM pg_settings WHERE name = 'wal_writer_delay') AS delay`;

export interface FollowOptions {
  readonly side: 'source' | 'sink';
  readonly url: string;
  readonly statementTimeoutMs: number;
  /** Tables of this side, with the source's id. */
  readonly tables: readonly { readonly id: string; readonly table: Table; readonly key: readonly string[] }[];
  /** The tables as they were read before: if they have changed since, nothing is followed. */
  readonly relations: ReadonlyMap<string, Relation>;
  readonly mostKeys: number;
  readonly signal: AbortSignal;
}

/**
 * Follows the writes to one side by a temporary slot: every key that a transaction writes, whoever it is, and how many
 * rows each table has. The slot ends with its connection, and advances as it is read.
 */
export class Follower implements AsyncDisposable {
  /** Rejects when the stream breaks, and when it is disposed of. */
  readonly ended: Promise<void>;
  readonly #changed: ChangedKeys;
  readonly #slot: OwnSlot;
  readonly #control: Database;
  readonly #resources: AsyncDisposable;
  readonly #waiting = new Set<() => void>();
  /** An insert position that was not flushed in time: what is there is no commit. */
  #unflushed: Lsn | null = null;

  private constructor(changed: ChangedKeys, slot: OwnSlot, control: Database, resources: AsyncDisposable) {
    this.#changed = changed;
    this.#slot = slot;
    this.#control = control;
    this.#resources = resources;
    const told = (): boolean => {
      for (const look of this.#waiting) look();
      return false;
    };
    this.ended = slot.stream({
      onMessage: (message) => {
        changed.add(message);
        return message.tag === 'commit' && told();
      },
      onPosition: told,
    });
    this.ended.catch(() => undefined);
  }

  /** @throws if this side cannot be followed: no slot, an encoding other than UTF-8, or tables that were just altered. */
  static async start(options: FollowOptions): Promise<Follower> {
    const { side, url, statementTimeoutMs, signal } = options;
    await using stack = new AsyncDisposableStack();
    const control = stack.use(await Database.connect(side, url, statementTimeoutMs));
    const { encoding } = await control.one(`SELECT current_setting('server_encoding') AS encoding`);
    if (encoding !== 'UTF8')
      throw new Error(`its encoding is ${encoding}, and a slot can only be read in UTF8`);
    const cancel = async (pid: number): Promise<void> => {
      await control.query('SELECT pg_cancel_backend($1)', [pid]);
    };
    const slot = stack.use(await OwnSlot.create(url, { side, creationMs: CREATION_MS, signal, cancel }));
    const tables = await countedIn(slot.snapshot, options);
    const changed = new ChangedKeys(tables, options.mostKeys);
    return new Follower(changed, slot, control, stack.move());
  }

  rowsOf(id: string): number {
    return this.#changed.rowsOf(id);
  }

  /**
   * Everything that was written since the last call, up to what is committed and visible now.
   * @throws if the stream does not get there.
   */
  async take(): Promise<Taken> {
    const target = await this.#flushedLsn();
    await Promise.race([this.#reaches(target), this.ended]);
    const taken = this.#changed.take();
    await this.#areVisible(taken.xids);
    return taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }

  async #reaches(target: Lsn): Promise<void> {
    if (this.#slot.read >= target) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = new Error(`the slot's stream did not reach its target within ${DRAIN_MS} ms`);
    const timer = setTimeout(() => reject(late), DRAIN_MS);
    const look = (): void => {
      if (this.#slot.read >= target) resolve();
    };
    this.#waiting.add(look);
    try {
      await promise;
    } finally {
      this.#waiting.delete(look);
      clearTimeout(timer);
    }
  }

  /**
   * A position behind everything that is visible, as far as it is on disk: a slot delivers only that. A transaction that
   * did not wait for the disk gets there within three `wal_writer_delay` (documentation, "Asynchronous Commit").
   */
  async #flushedLsn(): Promise<Lsn> {
    const first = await this.#control.one(POSITIONS_SQL);
    const target = readLsn(first.inserted ?? '');
    const untilMs = performance.now() + 3 * Number(first.delay);
    for (let flushed = readLsn(first.flushed ?? ''); ; ) {
      if (flushed >= target) return target;
      if (target === this.#unflushed) return flushed;
      if (performance.now() >= untilMs) {
        this.#unflushed = target;
        return flushed;
      }
      await sleep(POLL_MS);
      flushed = readLsn((await this.#control.one(POSITIONS_SQL)).flushed ?? '');
    }
  }

  /**
   * Waits until a snapshot shows these transactions. A slot delivers a commit as soon as it is in the WAL, a moment before
   * snapshots show it: a row that was read in between would still be the old one.
   */
  async #areVisible(xids: ReadonlySet<string>): Promise<void> {
    const giveUpMs = performance.now() + VISIBLE_MS;
    while (xids.size > 0) {
      const { running } = await this.#control.one('SELECT pg_current_snapshot()::text AS running');
      const open = (running ?? '').split(':')[2] ?? '';
      if (!open.split(',').some((xid) => xid !== '' && xids.has(String(BigInt.asUintN(32, BigInt(xid))))))
        return;
      if (performance.now() > giveUpMs) throw new Error(`a commit was not visible after ${VISIBLE_MS} ms`);
      await sleep(POLL_MS);
    }
  }
}

/** Counts the tables' rows in the slot's snapshot: what the stream delivers comes after it. */
async function countedIn(snapshot: string, options: FollowOptions): Promise<readonly FollowedTable[]> {
  const { side, url, statementTimeoutMs, tables, relations } = options;
  await using reader = await Database.connect(side, url, statementTimeoutMs);
  await reader.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '${snapshot}'`,
  );
  const now = await readRelations(
    reader,
    tables.map(({ table }) => table.id),
  );
  const followed: FollowedTable[] = [];
  for (const { id, table, key } of tables) {
    const relation = now.get(table.id);
    if (relation === undefined || relation.fingerprint !== relations.get(table.id)?.fingerprint)
      throw new Error(`${table.id} was altered or rewritten meanwhile`);
    const { rows } = await reader.one(`SELECT count(*)::text AS rows FROM ${relationOf(table)} AS t`);
    followed.push({ id, key, leaves: relation.leaves.map((leaf) => leaf.id), rows: Number(rows) });
  }
  await reader.query('ROLLBACK');
  return followed;
}
