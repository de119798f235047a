import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { Deadline } from '../compare/deadline.ts';
import { type Boundary, boundaryAfter } from '../compare/ranges.ts';
import { pairTables, type TablePair } from '../compare/table-pair.ts';
import { readLsn } from '../connection/lsn.ts';
import { Database } from '../connection/postgres.ts';
import type { PassFence } from '../observe/fence.ts';
import { readCatalogue, type Table } from '../observe/source/catalogue.ts';
import { durationText } from '../units.ts';
import { encodingProblem, mustBeComparable } from './comparable-servers.ts';
import { compareInParts, type Outcome } from './compare-in-parts.ts';
import { comparePart } from './compare-part.ts';
import { OwnSlot } from './own-slot.ts';
import type { DigestedComparison, Part } from './part.ts';
import { type Relation, readRelations } from './relations.ts';
import { SlotStream } from './slot-stream.ts';
import { beginBounded, type Copy, copyOf, NotExact, type SnapshotPair } from './snapshot-pair.ts';
import { Touched, type TouchedLimits } from './touched.ts';

export interface ExactOptions {
  readonly sourceUrl: string;
  readonly sinkUrl: string;
  readonly statementTimeoutMs: number;
  /** After it, the sink contains everything that was committed at the source before the call. */
  readonly passFence: PassFence;
  readonly maxSettledKeys: number;
  readonly versionColumn: string;
  readonly limits: TouchedLimits;
  /** Time for the slot's creation, which waits for open transactions to end. */
  readonly slotCreationMs: number;
  /** Time for the stream to reach its target, once the target is known. */
  readonly drainMs: number;
  /** No snapshot, and no slot, lives longer. A table that takes longer is compared in parts. */
  readonly snapshotBoundMs: number;
  readonly mostRowsPerPart?: number | undefined;
  readonly partsPerSnapshot?: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Compares tables exactly while writes go on, in as many windows as the snapshots' bound makes necessary. A table that
 * takes longer is compared in ranges of its primary key, each in a separate window.
 */
export async function compareExactly(
  tables: readonly Copy[],
  options: ExactOptions,
  maxAttempts: number,
): Promise<Outcome> {
  return await compareInParts(tables, (open) => ExactWindow.open(open, options), { ...options, maxAttempts });
}

const ON_STANDBY =
  'the source is a hot standby, at which changes cannot be followed: give the address of the primary, or stop all writes and use the fence quiesce';

/**
 * A pair of snapshots taken while writes go on, and everything that was written between them.
 *
 * The slot exports a snapshot of the source: the low watermark divides the source's history into what this snapshot
 * contains and what the slot's stream delivers. Once the pipeline has carried everything up to the low watermark (the
 * progress fence), the sink's snapshot is opened. The stream is then read up to the source's position at that moment, the
 * high watermark. A key that no transaction touched between the watermarks must be equal on both sides; a touched key
 * must show, in the sink, one of the versions that it had in between. Why that is exact:
 * docs/decisions/0007-exact-comparison-under-writes.md.
 */
export class ExactWindow implements SnapshotPair {
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

  /** @throws NotExact if no table can be compared. */
  static async open(tables: readonly Copy[], options: ExactOptions): Promise<ExactWindow> {
    const { sourceUrl, sinkUrl, statementTimeoutMs } = options;
    await using stack = new AsyncDisposableStack();
    const connect = async (side: 'source' | 'sink'): Promise<Database> =>
      stack.use(await Database.connect(side, side === 'source' ? sourceUrl : sinkUrl, statementTimeoutMs));
    const control = await connect('source');
    const unreadable = await encodingProblem(control);
    if (unreadable !== null) throw new NotExact(unreadable, { mayPass: false });
    const { standby } = await control.one('SELECT pg_is_in_recovery()::text AS standby');
    if (standby === 'true') throw new NotExact(ON_STANDBY, { mayPass: false });
    // Connect before the slot is created: the snapshots' time begins with it.
    const [source, sink] = [await connect('source'), await connect('sink')];
    await mustBeComparable(control, sink);
    const deadline = new Deadline(options.snapshotBoundMs);
    const slot = stack.use(await createSlot(control, options));
    await beginBounded(source, options.snapshotBoundMs);
    await source.query(`SET TRANSACTION SNAPSHOT '${slot.snapshot}'`);
    const ids = tables.map(({ id }) => id);
    const before = await readRelations(source, ids);
    const catalogue = await readCatalogue(source);
    const own = ids.flatMap((id) => catalogue.get(id) ?? []);
    const touched = new Touched(own, before, options.limits);
    const stream = new SlotStream(slot, touched);

    const fence = await stream.during(beforeDeadline(options.passFence(), deadline));
    if (fence !== 'passed') throw new NotExact(`the pipeline did not pass the fence (${fence})`, { fence });
    await beginBounded(sink, options.snapshotBoundMs);
    // The first statement fixes the sink's snapshot. The high watermark is read after it, so that the snapshot cannot
    // contain anything later.
    const copiesBefore = await readRelations(sink, copiesOf(tables));
    const copies = await readCatalogue(sink);
    const toLsn = readLsn((await control.one('SELECT pg_current_wal_flush_lsn()::text AS lsn')).lsn ?? '');
    if (toLsn < slot.consistentPoint) throw new Error('the high watermark is below the low watermark');
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
    if (ours === undefined) throw new NotExact("the source's snapshot does not contain the table");
    if (!ours.canSelect) throw new Error(`no SELECT privilege on ${ours.id} at the source`);
    if (theirs?.canSelect === false) throw new Error(`no SELECT privilege on ${ours.id}'s copy`);
    if (theirs?.heldAs === 'a view' || theirs?.heldAs === 'a foreign table') {
      const why = `${theirs.id} is ${theirs.heldAs}, and what happens to the tables behind it is not seen`;
      throw new NotExact(`${why}: stop all writes and use the fence quiesce`, { mayPass: false });
    }
    const problem = touched.problems.get(ours.id);
    if (problem !== undefined) throw new NotExact(`${ours.id}: ${problem}`);
    try {
      return pairTables(ours, theirs);
    } catch (error) {
      // Perhaps a key column is just being renamed: the two sides were described at different moments.
      throw new NotExact(messageOf(error), { cause: error });
    }
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
    const { touched, options, deadline, slot } = this.#state;
    const keys = touched.tables.get(pair.source.id) ?? new Map();
    // The stream may have ended with a commit behind the high watermark, whose keys are touched too.
    const to = slot.read > this.toLsn ? slot.read : this.toLsn;
    const span = { from: this.fromLsn, to };
    return await comparePart(this.#state, pair, keys, { ...options, deadline, span }, part);
  }

  async end(tables: readonly Copy[]): Promise<ReadonlyMap<string, NotExact>> {
    const { source, sink, control, before, copiesBefore } = this.#state;
    await Promise.all([source.query('ROLLBACK'), sink.query('ROLLBACK')]);
    const ids = tables.map(({ id }) => id);
    const [after, copiesAfter] = [
      await readRelations(control, ids),
      await readRelations(sink, copiesOf(tables)),
    ];
    const altered = new Map<string, NotExact>();
    for (const { id, copy } of tables) {
      const ours = differ(before.get(id), after.get(id)) ? 'the source' : null;
      const isCopyAltered = copy !== null && differ(copiesBefore.get(copy), copiesAfter.get(copy));
      const side = ours ?? (isCopyAltered ? 'the sink' : null);
      if (side !== null) altered.set(id, new NotExact(`${id} was altered or rewritten in ${side} meanwhile`));
    }
    return altered;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#state.stack.disposeAsync();
  }
}

interface State {
  readonly source: Database;
  readonly sink: Database;
  /** A connection to the source outside the snapshot. */
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

async function beforeDeadline<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  work.catch(() => undefined);
  const late = Promise.withResolvers<never>();
  const why = `the pipeline did not pass the fence within the ${durationText(deadline.boundMs)} that a snapshot may live`;
  const timer = setTimeout(() => late.reject(new NotExact(why)), Math.max(0, deadline.leftMs));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * SQLSTATEs that another attempt does not change: no REPLICATION attribute (42501), a login that is refused (28000,
 * 28P01), wal_level below logical (55000), no test_decoding (58P01, 42704), a standby whose version cannot decode (0A000).
 */
const PERMANENT = new Set(['42501', '28000', '28P01', '55000', '58P01', '42704', '0A000']);

async function createSlot(control: Database, options: ExactOptions): Promise<OwnSlot> {
  const { slotCreationMs: creationMs, signal, sourceUrl } = options;
  const cancel = async (pid: number): Promise<void> => {
    await control.query('SELECT pg_cancel_backend($1)', [pid]);
  };
  try {
    return await OwnSlot.create(sourceUrl, { side: 'source', creationMs, signal, cancel });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const mayPass = !PERMANENT.has(code);
    throw new NotExact(`the verifier could not create its slot: ${messageOf(error)}`, {
      mayPass,
      cause: error,
    });
  }
}

function differ(before: Relation | undefined, after: Relation | undefined): boolean {
  return before?.fingerprint !== after?.fingerprint;
}
