import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { pairTables } from '../compare/pairing.ts';
import type { PassFence } from '../compare/settle.ts';
import type { TableComparison } from '../compare/table.ts';
import { readLsn } from '../lsn.ts';
import { readCatalogue, type Table } from '../observe/catalogue.ts';
import { type CopyShape, reshaped } from '../observe/copy-shape.ts';
import { Database } from '../postgres.ts';
import { type Relation, readRelations } from './relations.ts';
import { OwnSlot } from './replication.ts';
import { encodingProblem, mustHashAlike } from './servers.ts';
import { compareTouched, type Snapshots } from './table.ts';
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

export interface Window {
  /** The source's snapshot: everything before this is in it. */
  readonly fromLsn: Lsn;
  /** Up to here the source was watched: the sink's snapshot holds nothing later. */
  readonly toLsn: Lsn;
  readonly durationMs: number;
  readonly touchedKeys: number;
  /** By the source's id. Another error than {@link NotExact}: the table cannot be read. */
  readonly tables: ReadonlyMap<string, TableComparison | Error>;
}

/**
 * One comparison under live writes. The slot's exported snapshot and the stream behind it divide the source's history
 * at one point; the sink's snapshot is opened behind the progress fence for that point; then the stream is read up to
 * where the source was by then. What no transaction touched in between must be equal, and what one did must show in
 * the sink one of the versions that it had.
 * @throws NotExact where no table could be compared.
 */
export async function compareInWindow(tables: readonly Copy[], options: ExactOptions): Promise<Window> {
  const startedMs = performance.now();
  const { sourceUrl, sinkUrl, statementTimeoutMs } = options;
  await using control = await Database.connect('source', sourceUrl, statementTimeoutMs);
  const unreadable = await encodingProblem(control);
  if (unreadable !== null) throw new NotExact(unreadable, { mayPass: false });
  await using slot = await ownSlot(control, options);
  await using source = await Database.connect('source', sourceUrl, statementTimeoutMs);
  await using sink = await Database.connect('sink', sinkUrl, statementTimeoutMs);
  await mustHashAlike(control, sink);
  await source.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await source.query(`SET TRANSACTION SNAPSHOT '${slot.snapshot}'`);
  const ids = tables.map(({ id }) => id);
  const before = await readRelations(source, ids);
  const catalogue = await readCatalogue(source);
  const own = ids.flatMap((id) => catalogue.get(id) ?? []);
  const touched = new Touched(own, before, options.limits);
  const stream = new Stream(slot, touched);

  const fence = await stream.during(options.passFence());
  if (fence !== 'passed') throw new NotExact(`the pipeline did not pass the fence (${fence})`, { fence });
  await sink.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const copyIds = tables.flatMap(({ copy }) => copy ?? []);
  const copiesBefore = await readRelations(sink, copyIds);
  const copies = await readCatalogue(sink);
  // After the sink's snapshot was fixed by its first statement: nothing later than this can be in it.
  const toLsn = readLsn((await control.one('SELECT pg_current_wal_flush_lsn()::text AS lsn')).lsn ?? '');
  await stream.drainTo(toLsn, options);

  const results = new Map<string, TableComparison | Error>();
  for (const table of tables) {
    options.signal.throwIfAborted();
    const [ours, theirs] = [catalogue.get(table.id), copyOf(table, copies)];
    results.set(table.id, await compareOne({ source, sink, control }, ours, theirs, touched, options));
  }
  await sink.query('ROLLBACK');
  const [after, copiesAfter] = [await readRelations(control, ids), await readRelations(sink, copyIds)];
  for (const { id, copy } of tables) {
    const moved = movedSince(before.get(id), after.get(id)) ? 'the source' : null;
    const copyMoved = copy !== null && movedSince(copiesBefore.get(copy), copiesAfter.get(copy));
    const side = moved ?? (copyMoved ? 'the sink' : null);
    if (side === null || results.get(id) instanceof NotExact) continue;
    results.set(id, new NotExact(`${id} was altered or rewritten in ${side} meanwhile`));
  }
  const durationMs = performance.now() - startedMs;
  return { fromLsn: slot.consistentPoint, toLsn, durationMs, touchedKeys: touched.keys, tables: results };
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

async function compareOne(
  snapshots: Snapshots,
  table: Table | undefined,
  copy: Table | undefined,
  touched: Touched,
  options: ExactOptions,
): Promise<TableComparison | Error> {
  if (table === undefined) return new NotExact('it is not in the snapshot of the source');
  if (!table.canSelect) return new Error(`no SELECT privilege on ${table.id} at the source`);
  if (copy?.canSelect === false) return new Error(`no SELECT privilege on ${table.id}'s copy`);
  const problem = touched.problems.get(table.id);
  if (problem !== undefined) return new NotExact(`${table.id}: ${problem}`);
  try {
    const keys = touched.tables.get(table.id) ?? new Map();
    return await compareTouched(snapshots, pairTables(table, copy), keys, options);
  } catch (error) {
    options.signal.throwIfAborted();
    return error instanceof Error ? error : new Error(String(error));
  }
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
  async drainTo(target: Lsn, { drainMs, signal }: ExactOptions): Promise<void> {
    this.#target = target;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new NotExact(`the slot's stream did not reach its target within ${drainMs} ms`)),
      drainMs,
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
