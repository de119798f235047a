/**
 * `verifier/incremental`: lets a verification compare what has changed since the last one, instead of everything.
 * In: a slot on each side, the catalogues, and what each comparison has found.
 * Out: for each table of a verification the keys that must be compared, or that all of it must be, and why.
 * Promises: a key that is left out was equal when it was last compared, and neither side has written it since; where that
 *   is not certain, the table is compared whole. All rows are scanned again within a stated period.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../pipeline/contract/errors.ts';
import type { TableComparison } from '../compare/table-comparison.ts';
import type { VerifierConfig } from '../config.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import { type Databases, OpenConnections } from '../observe/connections.ts';
import type { ScansReport } from '../report.ts';
import { BackgroundScan } from './background-scan.ts';
import { type Followable, fingerprintsNow, readSeen, type Seen } from './followed-tables.ts';
import { Follower } from './follower.ts';
import type { KeysToCompare } from './scan-changed.ts';

/** How one table is to be compared. */
export type Plan =
  | { readonly tag: 'whole'; readonly reason: string }
  | {
      readonly tag: 'changed';
      readonly keys: KeysToCompare;
      readonly rows: { readonly source: number; readonly sink: number };
    };

/** One verification's view: how each table is to be compared. What was found must be told to it. */
export interface Round {
  planOf(id: string): Plan;
  /** The table was compared whole in spite of its plan. */
  wasWhole(id: string, reason: string): void;
  /** Records what the comparison of a table found. A table that is not recorded is compared whole the next time. */
  compared(id: string, answer: TableComparison | Error): void;
  report(): ScansReport;
}

/** How the streams are doing. */
export interface FollowState {
  /** `following`: every change on both sides is seen. `blind`: none is, for the given reason. */
  state: 'starting' | 'following' | 'blind' | 'stopped';
  reason: string | null;
}

/** What is known of a table that has been compared whole. */
interface Known {
  /** When it was compared whole, by the clock. */
  readonly wholeAtMs: number;
  /** Keys that were wrong or in flight. */
  readonly open: ReadonlySet<string>;
  /** Keys that were compared since. */
  readonly changedKeys: number;
}

interface Session extends AsyncDisposable {
  readonly seen: Seen;
  readonly source: Follower;
  readonly sink: Follower;
  readonly scan: BackgroundScan;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
const FIRST_TIME = 'it has not been compared whole since the verifier began to follow its changes';

export class KnownTables {
  readonly state: FollowState = { state: 'starting', reason: null };
  readonly #config: VerifierConfig;
  readonly #settings: NonNullable<VerifierConfig['incremental']>;
  readonly #stop = new AbortController();
  readonly #known = new Map<string, Known>();
  #session: Session | null = null;
  /** Ends the session, so that another one begins. */
  #restart: ((why: string) => void) | null = null;
  #why = FIRST_TIME;
  #running: Promise<void> | null = null;

  constructor(config: VerifierConfig, settings: NonNullable<VerifierConfig['incremental']>) {
    this.#config = config;
    this.#settings = settings;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the verifier was stopped'));
    this.#restart?.('the verifier was stopped');
    await this.#running;
    this.state.state = 'stopped';
  }

  /** The next verification compares every table whole. */
  forget(why = 'it was asked for'): void {
    this.#known.clear();
    this.#why = why;
  }

  /**
   * Decides how to compare each table, once the fence is passed. Everything that is committed on either side by then is
   * taken into account.
   */
  async begin(catalogues: Catalogues, databases: Databases): Promise<Round> {
    const session = this.#session;
    const atMs = Date.now();
    if (session === null)
      return this.#wholeRound(atMs, this.state.reason ?? 'its changes are not followed yet');
    try {
      const now = await fingerprintsNow(catalogues, databases);
      for (const [id, fingerprint] of now) {
        if (fingerprint !== session.seen.fingerprints.get(id))
          throw new Error(`${id} was created, altered or rewritten`);
      }
      const [ours, theirs] = [await session.source.take(), await session.sink.take()];
      const lost = new Map([...ours.lost, ...theirs.lost]);
      // Read together with the suspects: what the scan has found so far is compared in this round.
      const scannedAtMs = new Map([...now.keys()].map((id) => [id, session.scan.wholeAtMs(id)]));
      const keysOf = (id: string): KeysToCompare => ({
        source: ours.keys.get(id) ?? new Set(),
        sink: theirs.keys.get(id) ?? new Set(),
        open: new Set([...(this.#known.get(id)?.open ?? []), ...session.scan.suspects(id)]),
      });
      const known = new Map(this.#known);
      const plans = new Map(
        [...now.keys()].map((id): [string, Plan] => {
          const reason = session.seen.left.get(id) ?? lost.get(id);
          if (reason !== undefined) return [id, { tag: 'whole', reason }];
          if (!known.has(id)) return [id, { tag: 'whole', reason: this.#why }];
          const rows = { source: session.source.rowsOf(id), sink: session.sink.rowsOf(id) };
          return [id, { tag: 'changed', keys: keysOf(id), rows }];
        }),
      );
      // Until the comparison is recorded, nothing is known: it may fail, or never end.
      this.#known.clear();
      return new KnownRound(plans, known, {
        atMs,
        everyMs: this.#settings.scanEveryMs,
        scannedAtMs: (id) => scannedAtMs.get(id) ?? null,
        problemOf: (id) => session.scan.problemOf(id),
        record: (id, own) => {
          if (this.#session === session && !session.seen.left.has(id)) this.#known.set(id, own);
        },
      });
    } catch (error) {
      // Keys may have been taken that were not compared.
      this.#session = null;
      this.forget(messageOf(error));
      this.#restart?.(messageOf(error));
      return this.#wholeRound(atMs, messageOf(error));
    }
  }

  #wholeRound(atMs: number, reason: string): Round {
    const { scanEveryMs: everyMs } = this.#settings;
    const hooks = { atMs, everyMs, scannedAtMs: () => null, problemOf: () => null, record: () => undefined };
    return new KnownRound(new Map(), new Map(), hooks, reason);
  }

  /** Follows the changes, and begins again, with backoff, after any failure. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let waitMs = FIRST_RETRY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
      let sinceMs: number | null = null;
      try {
        await using session = await this.#open();
        sinceMs = performance.now();
        await this.#follow(session);
      } catch (error) {
        if (signal.aborted) return;
        Object.assign(this.state, { state: 'blind', reason: messageOf(error) });
        this.forget(`its changes were not followed for a while: ${messageOf(error)}`);
        // Beginning counts all rows: streams that break soon must not make it do so again and again.
        if (sinceMs !== null && performance.now() - sinceMs > LONGEST_RETRY_MS) waitMs = FIRST_RETRY_MS;
      }
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Serves rounds until a stream breaks or a restart is asked for. Always throws. */
  async #follow(session: Session): Promise<void> {
    const restart = Promise.withResolvers<never>();
    this.#restart = (why) => restart.reject(new Error(why));
    this.#known.clear();
    this.#session = session;
    Object.assign(this.state, { state: 'following', reason: null });
    try {
      const scan = session.scan.run((id) => this.#known.has(id));
      await Promise.race([restart.promise, session.source.ended, session.sink.ended, scan]);
    } finally {
      this.#session = null;
      this.#restart = null;
    }
  }

  async #open(): Promise<Session> {
    const { signal } = this.#stop;
    await using stack = new AsyncDisposableStack();
    const connections = stack.use(new OpenConnections(this.#config));
    const seen = await readSeen(this.#config, connections);
    const follow = async (side: 'source' | 'sink'): Promise<Follower> => {
      const options = this.#followOptions(side, seen);
      try {
        return stack.use(await Follower.start({ ...options, signal }));
      } catch (error) {
        throw new Error(`the ${side} cannot be followed: ${messageOf(error)}`, { cause: error });
      }
    };
    // The sink is more likely to refuse: few sinks are set up for logical decoding.
    const sink = await follow('sink');
    const source = await follow('source');
    const scan = new BackgroundScan(connections, seen.followable, {
      ...this.#settings,
      rowsOf: (id) => Math.max(source.rowsOf(id), sink.rowsOf(id)),
      signal,
    });
    stack.use(scan);
    const resources = stack.move();
    return { seen, source, sink, scan, [Symbol.asyncDispose]: () => resources.disposeAsync() };
  }

  #followOptions(side: 'source' | 'sink', { followable, relations }: Seen) {
    const { url } = this.#config[side];
    const tableOf = (one: Followable) => (side === 'source' ? one.source : one.copy);
    const tables = followable.map((one) => ({
      id: one.id,
      table: tableOf(one),
      key: one.source.key.map(({ name }) => name),
    }));
    const { compareTimeoutMs: statementTimeoutMs } = this.#config;
    const mostKeys = this.#settings.mostChangedKeys;
    return { side, url, tables, relations: relations[side], statementTimeoutMs, mostKeys };
  }
}

interface RoundHooks {
  readonly atMs: number;
  readonly everyMs: number;
  /** When the last scan of the whole table in the background began; null if there was none. */
  readonly scannedAtMs: (id: string) => number | null;
  /** Why the scan in the background does not get on; null if it does. */
  readonly problemOf: (id: string) => string | null;
  readonly record: (id: string, known: Known) => void;
}

class KnownRound implements Round {
  readonly #plans: Map<string, Plan>;
  readonly #known: ReadonlyMap<string, Known>;
  readonly #hooks: RoundHooks;
  readonly #reason: string;
  readonly #compared = new Map<string, ScansReport['tables'][number]>();

  constructor(
    plans: Map<string, Plan>,
    known: ReadonlyMap<string, Known>,
    hooks: RoundHooks,
    reason = FIRST_TIME,
  ) {
    this.#plans = plans;
    this.#known = known;
    this.#hooks = hooks;
    this.#reason = reason;
  }

  planOf(id: string): Plan {
    return this.#plans.get(id) ?? { tag: 'whole', reason: this.#reason };
  }

  wasWhole(id: string, reason: string): void {
    this.#plans.set(id, { tag: 'whole', reason });
  }

  compared(id: string, answer: TableComparison | Error): void {
    if (answer instanceof Error) return;
    const plan = this.planOf(id);
    const before = this.#known.get(id);
    const isWhole = plan.tag === 'whole' || before === undefined;
    const keys = isWhole ? 0 : new Set([...plan.keys.source, ...plan.keys.sink, ...plan.keys.open]).size;
    const scannedAtMs = this.#hooks.scannedAtMs(id) ?? 0;
    const known: Known = {
      wholeAtMs: isWhole ? this.#hooks.atMs : Math.max(before.wholeAtMs, scannedAtMs),
      open: new Set([...answer.wrong.map(({ keyText }) => keyText), ...answer.inFlight]),
      changedKeys: isWhole ? 0 : before.changedKeys + keys,
    };
    this.#compared.set(id, {
      table: id,
      compared: isWhole ? 'whole' : 'changed keys',
      changedKeys: keys,
      wholeAt: new Date(known.wholeAtMs).toISOString(),
      changedKeysSince: known.changedKeys,
      reason: plan.tag === 'whole' ? plan.reason : this.#hooks.problemOf(id),
    });
    // What is only counted cannot be compared again by its key.
    if (this.#plans.has(id) && areAllNamed(answer)) this.#hooks.record(id, known);
  }

  report(): ScansReport {
    return { everyMs: this.#hooks.everyMs, tables: [...this.#compared.values()] };
  }
}

/** Whether every wrong row, and every key in flight, is named by its key. */
function areAllNamed({ counts, wrong, inFlight }: TableComparison): boolean {
  const counted = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const named = wrong.reduce((sum, { count }) => sum + count, 0);
  return counted === named && inFlight.every((key) => key.startsWith('['));
}
