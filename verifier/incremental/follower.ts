import { setTimeout as sleep } from 'node:timers/promises';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { readLsn } from '../connection/lsn.ts';
import { Database } from '../connection/postgres.ts';
import { OwnSlot } from '../exact/own-slot.ts';
import { type Relation, readRelations } from '../exact/relations.ts';
import { relationOf, type Table } from '../observe/source/catalogue.ts';
import { durationText } from '../units.ts';
import { ChangedKeys, type FollowedTable, type Taken } from './changed-keys.ts';
import { hiddenIn } from './hidden.ts';

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
 * Follows the writes to one side by a temporary slot: every key that any transaction writes, and how many
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
  #isDropping = false;

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
        if (changed.hasManyXids) this.#dropVisible();
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
    const tables = await countedIn(control, slot.snapshot, options);
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

  /** Nobody may ask for a long time: of the transactions, only those that are hidden still are kept. */
  #dropVisible(): void {
    if (this.#isDropping) return;
    this.#isDropping = true;
    this.#snapshot()
      .then((snapshot) => this.#changed.dropVisible(snapshot))
      // A connection that has broken fails the next take.
      .catch(() => undefined)
      .finally(() => {
        this.#isDropping = false;
      });
  }

  async #snapshot(): Promise<string> {
    return (await this.#control.one('SELECT pg_current_snapshot()::text AS shown')).shown ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }

  async #reaches(target: Lsn): Promise<void> {
    if (this.#slot.read >= target) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = new Error(`the slot's stream did not reach its target within ${durationText(DRAIN_MS)}`);
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
      if (hiddenIn(await this.#snapshot(), xids).length === 0) return;
      if (performance.now() > giveUpMs)
        throw new Error(`a commit was not visible after ${durationText(VISIBLE_MS)}`);
      await sleep(POLL_MS);
    }
  }
}

/** Counts the tables' rows in the slot's snapshot: what the stream delivers comes after it. */
async function countedIn(
  control: Database,
  snapshot: string,
  options: FollowOptions,
): Promise<readonly FollowedTable[]> {
  const { side, url, statementTimeoutMs, tables, relations, signal } = options;
  await using reader = await Database.connect(side, url, statementTimeoutMs);
  const { pid } = await reader.one('SELECT pg_backend_pid()::text AS pid');
  using _ = onAbort(signal, () => control.query('SELECT pg_cancel_backend($1)', [pid]));
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
    signal.throwIfAborted();
    const { rows } = await reader.one(`SELECT count(*)::text AS rows FROM ${relationOf(table)} AS t`);
    // Of a table that others inherit from, only its own rows may count: theirs are those of other tables.
    const leaves = relation.leaves.map((leaf) => leaf.id).filter((leaf) => !table.only || leaf === table.id);
    followed.push({ id, key, leaves, rows: Number(rows) });
  }
  await reader.query('ROLLBACK');
  return followed;
}

function onAbort(signal: AbortSignal, work: () => Promise<unknown>): Disposable {
  const listen = (): void => void work().catch(() => undefined);
  signal.addEventListener('abort', listen, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', listen) };
}
