import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../pipeline/contract/errors.ts';
import type { VerifierConfig } from '../config.ts';
import { OwnSlot } from '../exact/own-slot.ts';
import type { Touched } from '../exact/touched.ts';
import { OpenConnections } from '../observe/connections.ts';
import type { Finding } from '../report.ts';
import { judgeChanges } from './judge-changes.ts';
import { areSameTables, collectorFor, readWatchedTables, type WatchedTables } from './watched-tables.ts';

/** How the watch is doing. */
export interface WatchState {
  /** `watching`: every change is seen. `blind`: no change is seen, for the given reason. */
  state: 'starting' | 'watching' | 'blind' | 'stopped';
  reason: string | null;
  /** How often changed keys were judged. */
  rounds: number;
  /** Keys that were judged. */
  keys: number;
  /** Keys that changed but were left to the full verification, because there were too many at once. */
  keysLeft: number;
}

export interface WatchHandlers {
  /** Called with rows that are wrong although their source did not change while a fence was passed. */
  readonly onWrong: (findings: readonly Finding[]) => void;
  /** Called when the watch works again after changes may have gone by unseen: everything must be verified once. */
  readonly onGap: () => void;
}

const SLOT_CREATION_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** The minimum time between two readings of the tables because something unknown was written. */
const RECHECK_MS = 5_000;

/** The changed keys that are to be judged next. */
class PendingChanges {
  readonly #collector: () => Touched;
  #touched: Touched;

  constructor(collector: () => Touched) {
    this.#collector = collector;
    this.#touched = collector();
  }

  get touched(): Touched {
    return this.#touched;
  }

  /** Hands over what was collected; new changes go into an empty collection. */
  take(): Touched {
    const taken = this.#touched;
    this.#touched = this.#collector();
    this.#touched.sawUnknown = taken.sawUnknown;
    return taken;
  }
}

/**
 * Follows the source by a separate temporary slot, and judges every key that was written soon afterwards: behind a fence,
 * reading that key only. So it finds a wrong row that was just written within moments, whatever the size of its table.
 */
export class ChangeWatch {
  readonly state: WatchState = { state: 'starting', reason: null, rounds: 0, keys: 0, keysLeft: 0 };
  readonly #config: VerifierConfig;
  readonly #handlers: WatchHandlers;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;

  constructor(config: VerifierConfig, handlers: WatchHandlers) {
    this.#config = config;
    this.#handlers = handlers;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the verifier was stopped'));
    await this.#running;
    this.state.state = 'stopped';
  }

  /** Restarts the watch, with backoff, after any failure. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let waitMs = FIRST_RETRY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
      const before = this.state.rounds;
      try {
        await this.#watch();
      } catch (error) {
        if (signal.aborted) return;
        this.state.state = 'blind';
        this.state.reason = messageOf(error);
      }
      if (this.state.rounds > before) waitMs = FIRST_RETRY_MS;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    await using connections = new OpenConnections(this.#config);
    const source = await connections.source();
    const cancel = async (pid: number): Promise<void> => {
      await source.query('SELECT pg_cancel_backend($1)', [pid]);
    };
    await using slot = await OwnSlot.create(this.#config.source.url, {
      side: 'source',
      creationMs: SLOT_CREATION_MS,
      signal,
      cancel,
    });
    const watched = await readWatchedTables(this.#config, connections);
    const { touchedKeys: keys, touchedBytes: bytes } = this.#config.thresholds;
    const pending = new PendingChanges(() => collectorFor(watched, { keys, bytes }));
    const ended = slot.stream({
      onMessage: (message, _, bytes) => {
        pending.touched.add(message, bytes);
        return signal.aborted;
      },
      onPosition: () => signal.aborted,
    });
    const { reason } = this.state;
    this.state.state = 'watching';
    this.state.reason = null;
    // Changes before this slot existed are in its snapshot, so a verification that begins now sees them.
    if (reason !== null) this.#handlers.onGap();
    const judging = this.#judge(connections, watched, pending);
    // Whichever fails first ends the watch; the other ends with the connections.
    judging.catch(() => undefined);
    await Promise.race([ended, judging]);
  }

  /** Judges what is pending again and again. @throws if the watch must be restarted. */
  async #judge(connections: OpenConnections, watched: WatchedTables, pending: PendingChanges): Promise<void> {
    const { signal } = this.#stop;
    const { catalogues } = watched;
    const everyMs = this.#config.adaptive?.touchedEveryMs ?? 1_000;
    let recheckAtMs = 0;
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal });
      const { touched } = pending;
      const [problem] = touched.problems;
      if (problem !== undefined) throw new Error(`${problem[0]}: ${problem[1]}`);
      if (touched.sawUnknown && performance.now() >= recheckAtMs) {
        // Reset it before the tables are read: what is written from now on may be newer than the reading.
        touched.sawUnknown = false;
        await this.#mustBeUnchanged(connections, watched);
        recheckAtMs = performance.now() + RECHECK_MS;
      }
      if (touched.keys === 0) continue;
      const options = { config: this.#config, connections, catalogues, signal };
      const judged = await judgeChanges(pending.take(), options);
      for (const { table, key } of judged.inFlight) pending.touched.again(table, key);
      this.state.keys += judged.keys;
      this.state.keysLeft += judged.keysLeft;
      this.state.rounds++;
      if (judged.findings.length > 0) this.#handlers.onWrong(judged.findings);
    }
  }

  /** @throws if the verified tables have changed: then the watch is restarted. Other tables may change. */
  async #mustBeUnchanged(connections: OpenConnections, before: WatchedTables): Promise<void> {
    const now = await readWatchedTables(this.#config, connections);
    if (!areSameTables(now, before)) throw new Error('tables were created or altered');
  }
}
