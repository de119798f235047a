import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { Deadline } from '../compare/deadline.ts';
import { type Boundary, boundaryAfter } from '../compare/ranges.ts';
import { pairTables, type TablePair } from '../compare/table-pair.ts';
import { readLsn } from '../connection/lsn.ts';
import { Database } from '../connection/postgres.ts';
import type { PassFence } from '../observe/fence.ts';
import { type CopyShape, reshaped } from '../observe/sink/copy-shape.ts';
import { readCatalogue, type Table } from '../observe/source/catalogue.ts';
import { encodingProblem, mustBeComparable } from './comparable-servers.ts';
import { compareTouched, type DigestedComparison, type Part } from './compare-part.ts';
import { OwnSlot } from './own-slot.ts';
import { type Relation, readRelations } from './relations.ts';
import { TooMuchTouched, Touched, type TouchedLimits } from './touched.ts';

/** A table to be compared, and the id of its copy in the sink; null where the sink has none. */
export interface Copy {
  readonly id: string;
  readonly copy: string | null;
  readonly shape: CopyShape;
}

/** The copy as it is to be compared; undefined where there is none. */
export function copyOf({ copy, shape }: Copy, catalogue: ReadonlyMap<string, Table>): Table | undefined {
  const table = copy === null ? undefined : catalogue.get(copy);
  return table === undefined ? undefined : reshaped(table, shape);
}

export interface ExactOptions {
  readonly sourceUrl: string;
  readonly sinkUrl: string;
  readonly statementTimeoutMs: number;
  /** Everything that was committed at the source before the call is in the sink afterwards. */
  readonly passFence: PassFence;
  readonly maxSettledKeys: number;
  readonly versionColumn: string;
  readonly limits: TouchedLimits;
  /** Time for the slot's creation, which waits for transactions that are open. */
  readonly slotCreationMs: number;
  /** Time for the stream to reach its target, once that is known. */
  readonly drainMs: number;
  /** No snapshot, and no slot, lives longer. A table that takes longer is compared in parts. */
  readonly snapshotBoundMs: number;
  readonly mostRowsPerPart?: number | undefined;
  readonly partsPerSnapshot?: number | undefined;
  readonly signal: AbortSignal;
}

/** Why a table, or all of them, could not be compared exactly this time. */
export class NotExact extends Error {
  /** What the progress fence said, where it was the fence. */
  readonly fence: 'sync-in-progress' | 'no-evidence' | null;
  /** False: another attempt would end the same way. */
  readonly mayPass: boolean;

  constructor(message: string, own: { fence?: NotExact['fence']; mayPass?: boolean; cause?: unknown } = {}) {
    super(message, own.cause === undefined ? undefined : { cause: own.cause });
    this.name = 'NotExact';
    this.fence = own.fence ?? null;
    this.mayPass = own.mayPass ?? this.fence === null;
  }
}

/** A snapshot of each side, in which parts of tables are compared. */
export interface Snapshot extends AsyncDisposable {
  /** Everything before this is in the source's snapshot. */
  readonly fromLsn: Lsn;
  /** Nothing later than this is in the sink's. */
  readonly toLsn: Lsn;
  /** When the snapshots must end. */
  readonly deadline: Deadline;
  /** Keys that were written between the two. */
  readonly touchedKeys: number;
  /** The table and its copy as the snapshots have them. @throws where they cannot be compared. */
  pair(table: Copy): TablePair;
  /** Where a part that begins at `from` must end to have about so many rows; null: it may run to the end. */
  boundaryAfter(pair: TablePair, from: Boundary | null, rows: number): Promise<Boundary | null>;
  /** @throws Overrun where the snapshots' time is over. */
  compare(pair: TablePair, part: Part): Promise<DigestedComparison>;
  /** Ends the snapshots. @returns tables about which nothing that was found holds, and why. */
  end(tables: readonly Copy[]): Promise<ReadonlyMap<string, NotExact>>;
}

/**
 * A comparison under live writes. The slot's exported snapshot and the stream behind it divide the source's history at
 * one point, the low watermark; the sink's snapshot is opened behind the progress fence for that point; then the stream
 * is read up to where the source was by then, the high watermark. What no transaction touched in between must be equal,
 * and what one did must show in the sink one of the versions that it had.
 */
export class ExactWindow implements Snapshot {
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  readonly deadline: Deadline;
  readonly #state: State;

  private constructor(state: State, toLsn: Lsn) {
    this.#state = state;
    this.fromLsn = state.slot.consistentPoint;
    this.toLsn = toLsn;
    this.deadline = state.deadline;
  }

  /** @throws NotExact where no table can be compared. */
  static async open(tables: readonly Copy[], options: ExactOptions): Promise<ExactWindow> {
    const { sourceUrl, sinkUrl, statementTimeoutMs } = options;
    await using stack = new AsyncDisposableStack();
    const connect = async (side: 'source' | 'sink'): Promise<Database> =>
      stack.use(await Database.connect(side, side === 'source' ? sourceUrl : sinkUrl, statementTimeoutMs));
    const control = await connect('source');
    const unreadable = await encodingProblem(control);
    if (unreadable !== null) throw new NotExact(unreadable, { mayPass: false });
    // Before the slot is made: from then on time is short.
    const [source, sink] = [await connect('source'), await connect('sink')];
    await mustBeComparable(control, sink);
    const deadline = new Deadline(options.snapshotBoundMs);
    const slot = stack.use(await ownSlot(control, options));
    await beginBounded(source, options.snapshotBoundMs);
    await source.query(`SET TRANSACTION SNAPSHOT '${slot.snapshot}'`);
    const ids = tables.map(({ id }) => id);
    const before = await readRelations(source, ids);
    const catalogue = await readCatalogue(source);
    const own = ids.flatMap((id) => catalogue.get(id) ?? []);
    const touched = new Touched(own, before, options.limits);
    const stream = new Stream(slot, touched);

    const fence = await stream.during(intime(options.passFence(), deadline));
    if (fence !== 'passed') throw new NotExact(`the pipeline did not pass the fence (${fence})`, { fence });
    await beginBounded(sink, options.snapshotBoundMs);
    const copiesBefore = await readRelations(sink, copiesOf(tables));
    const copies = await readCatalogue(sink);
    // After the sink's snapshot was fixed by its first statement: nothing later than this can be in it.
    const toLsn = readLsn((await control.one('SELECT pg_current_wal_flush_lsn()::text AS lsn')).lsn ?? '');
    await stream.drainTo(toLsn, Math.min(options.drainMs, deadline.leftMs), options.signal);
    const all = { source, sink, control, slot, deadline, touched, before, copiesBefore, catalogue, copies };
    return new ExactWindow({ ...all, options, stack: stack.move() }, toLsn);
  }

  get touchedKeys(): number {
    return this.#state.touched.keys;
  }

  pair(table: Copy): TablePair {
    const { catalogue, copies, touched } = this.#state;
    const [ours, theirs] = [catalogue.get(table.id), copyOf(table, copies)];
    if (ours === undefined) throw new NotExact('it is not in the snapshot of the source');
    if (!ours.canSelect) throw new Error(`no SELECT privilege on ${ours.id} at the source`);
    if (theirs?.canSelect === false) throw new Error(`no SELECT privilege on ${ours.id}'s copy`);
    const problem = touched.problems.get(ours.id);
    if (problem !== undefined) throw new NotExact(`${ours.id}: ${problem}`);
    return pairTables(ours, theirs);
  }

  async boundaryAfter(pair: TablePair, from: Boundary | null, rows: number): Promise<Boundary | null> {
    await this.deadline.arm(this.#state.source, this.#state.sink);
    try {
      return await boundaryAfter(this.#state, pair, from, rows);
    } catch (error) {
      throw this.deadline.explain(error);
    }
  }

  async compare(pair: TablePair, part: Part): Promise<DigestedComparison> {
    const { touched, options, deadline } = this.#state;
    const keys = touched.tables.get(pair.source.id) ?? new Map();
    return await compareTouched(this.#state, pair, keys, { ...options, deadline }, part);
  }

  async end(tables: readonly Copy[]): Promise<ReadonlyMap<string, NotExact>> {
    const { source, sink, control, before, copiesBefore } = this.#state;
    await Promise.all([source.query('ROLLBACK'), sink.query('ROLLBACK')]);
    const ids = tables.map(({ id }) => id);
    const [after, copiesAfter] = [
      await readRelations(control, ids),
      await readRelations(sink, copiesOf(tables)),
    ];
    const moved = new Map<string, NotExact>();
    for (const { id, copy } of tables) {
      const ours = movedSince(before.get(id), after.get(id)) ? 'the source' : null;
      const copyMoved = copy !== null && movedSince(copiesBefore.get(copy), copiesAfter.get(copy));
      const side = ours ?? (copyMoved ? 'the sink' : null);
      if (side !== null) moved.set(id, new NotExact(`${id} was altered or rewritten in ${side} meanwhile`));
    }
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#state.stack.disposeAsync();
  }
}

interface State {
  readonly source: Database;
  readonly sink: Database;
  readonly control: Database;
  readonly slot: OwnSlot;
  readonly deadline: Deadline;
  readonly touched: Touched;
  readonly before: ReadonlyMap<string, Relation>;
  readonly copiesBefore: ReadonlyMap<string, Relation>;
  readonly catalogue: ReadonlyMap<string, Table>;
  readonly copies: ReadonlyMap<string, Table>;
  readonly options: ExactOptions;
  readonly stack: AsyncDisposableStack;
}

function copiesOf(tables: readonly Copy[]): string[] {
  return tables.flatMap(({ copy }) => copy ?? []);
}

/** Beyond the bound, until a server ends a snapshot whose verifier has fallen silent. */
const SILENCE_MS = 5_000;

/** The server ends the transaction where the verifier no longer does. */
export async function beginBounded(database: Database, boundMs: number): Promise<void> {
  await database.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL idle_in_transaction_session_timeout = ${boundMs + SILENCE_MS}; SET LOCAL statement_timeout = ${boundMs}`);
}

async function intime<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  work.catch(() => undefined);
  const late = Promise.withResolvers<never>();
  const why = `the pipeline did not pass the fence within the ${deadline.boundMs} ms that a snapshot may live`;
  const timer = setTimeout(() => late.reject(new NotExact(why)), Math.max(0, deadline.leftMs));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What no second attempt mends: no REPLICATION, no password for it, wal_level below logical, no test_decoding, a
 * standby of a version that cannot, a replication connection that pg_hba.conf does not let in.
 */
const NEVER = new Set(['42501', '28000', '28P01', '55000', '58P01', '42704', '0A000']);

async function ownSlot(control: Database, options: ExactOptions): Promise<OwnSlot> {
  const { slotCreationMs: creationMs, signal, sourceUrl } = options;
  const cancel = async (pid: number): Promise<void> => {
    await control.query('SELECT pg_cancel_backend($1)', [pid]);
  };
  try {
    return await OwnSlot.create(sourceUrl, { creationMs, signal, cancel });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const mayPass = !NEVER.has(code);
    throw new NotExact(`the verifier has no slot of its own: ${messageOf(error)}`, { mayPass, cause: error });
  }
}

function movedSince(before: Relation | undefined, after: Relation | undefined): boolean {
  return before?.fingerprint !== after?.fingerprint;
}

/** The slot's stream, read in the background from the first moment on, so that it holds back no WAL. */
class Stream {
  readonly #ended: Promise<void>;
  #target: Lsn | null = null;

  constructor(slot: OwnSlot, touched: Touched) {
    const reached = (lsn: Lsn): boolean => this.#target !== null && lsn >= this.#target;
    this.#ended = slot.stream({
      onMessage: (message, lsn, bytes) => {
        touched.add(message, bytes);
        return message.tag === 'commit' && reached(lsn);
      },
      onPosition: reached,
    });
    this.#ended.catch(() => undefined);
  }

  /** Waits for something else, unless the stream breaks before. */
  async during<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined);
    const broken = this.#ended.then(() => Promise.reject(new Error('the stream ended early')));
    broken.catch(() => undefined);
    try {
      return await Promise.race([work, broken]);
    } catch (error) {
      throw asNotExact(error);
    }
  }

  /** @throws NotExact where the stream breaks, or does not reach the target in time. */
  async drainTo(target: Lsn, drainMs: number, signal: AbortSignal): Promise<void> {
    this.#target = target;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () =>
        late.reject(
          new NotExact(`the slot's stream did not reach its target within ${Math.round(drainMs)} ms`),
        ),
      Math.max(0, drainMs),
    );
    const abort = (): void => late.reject(new NotExact('it was stopped'));
    signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([this.#ended, late.promise]);
    } catch (error) {
      throw asNotExact(error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }
}

function asNotExact(error: unknown): NotExact {
  if (error instanceof NotExact) return error;
  return new NotExact(messageOf(error), { mayPass: !(error instanceof TooMuchTouched), cause: error });
}
