import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { settle, type WrongClass, type WrongRow } from '../compare/settle.ts';
import { keyOf, pairTables, type TablePair } from '../compare/table-pair.ts';
import type { VerifierConfig } from '../config.ts';
import { OwnSlot } from '../exact/own-slot.ts';
import { carriesKey, type Relation, readRelations } from '../exact/relations.ts';
import { Touched } from '../exact/touched.ts';
import { resolveKeys } from '../exact/versions.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import { readCatalogues, settledCatalogues, topicsOf } from '../observe/catalogues.ts';
import { OpenConnections } from '../observe/connections.ts';
import type { PassFence } from '../observe/fence.ts';
import { passFence } from '../observe/fence.ts';
import { PipelineProgress } from '../observe/pipeline-progress.ts';
import { type Finding, finding } from '../report.ts';

const CHECK_OF: Readonly<Record<WrongClass, string>> = {
  missing: 'missing-rows',
  extra: 'extra-rows',
  stale: 'stale-rows',
  corrupted: 'corrupted-rows',
  duplicate: 'duplicates',
};

/** How the watch is doing. */
export interface WatchState {
  /** `watching`: every change is seen. `blind`: none is, for the reason given. */
  state: 'starting' | 'watching' | 'blind' | 'stopped';
  reason: string | null;
  /** Looks at what had changed, and keys that these have judged. */
  rounds: number;
  keys: number;
  /** Keys that changed and could not be judged by themselves, for there were too many at once. */
  keysLeft: number;
}

export interface WatchHandlers {
  /** Rows that are wrong though their source stood still while a fence was passed. */
  readonly onWrong: (findings: readonly Finding[]) => void;
  /** Every change is seen again, and some went by before: all must be looked at once. */
  readonly onGap: () => void;
}

const FENCE_MS = 15_000;
const SLOT_CREATION_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
const ROUNDS = 3;
const EXAMPLES = 5;

/** At most so often the tables are read anew because something was written that is none of them. */
const RECHECK_MS = 5_000;

type Pending = { touched: Touched };

/** What is verified, as it was when the watch began. */
interface Watched {
  readonly catalogues: Catalogues;
  readonly relations: ReadonlyMap<string, Relation>;
}

/** A table's keys that are looked at, by the comparison's text: each as the stream gives it. */
interface Looked {
  readonly pair: TablePair;
  readonly keys: ReadonlyMap<string, string>;
}

/**
 * Follows the source by a temporary slot of its own, and looks at every key that was written, soon afterwards: behind a
 * fence, at that key only. So a wrong row that was just written is found in a moment, whatever the size of its table.
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

  /** Begins anew, with back-off, after whatever broke it. */
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
      creationMs: SLOT_CREATION_MS,
      signal,
      cancel,
    });
    const watched = await this.#read(connections);
    const fresh = this.#collector(watched);
    const pending: Pending = { touched: fresh() };
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
    // What went by before this slot was there is behind its snapshot: a verification that begins now sees it.
    if (reason !== null) this.#handlers.onGap();
    const looking = this.#look(connections, watched, pending, fresh);
    // Whichever breaks first; the other ends with the connections.
    looking.catch(() => undefined);
    await Promise.race([ended, looking]);
  }

  async #read(connections: OpenConnections): Promise<Watched> {
    const catalogues = await readCatalogues(this.#config, connections);
    const ids = catalogues.expected.map(({ id }) => id);
    return { catalogues, relations: await readRelations(await connections.source(), ids) };
  }

  /** Makes what gathers keys. Tables of whose writes no key can be told are left to the full verification. */
  #collector({ catalogues, relations }: Watched): () => Touched {
    const { touchedKeys: keys, touchedBytes: bytes } = this.#config.thresholds;
    const tables = catalogues.expected.filter(({ id, key }) => {
      const names = key.map(({ name }) => name);
      const leaves = relations.get(id)?.leaves ?? [];
      return names.length > 0 && leaves.every((leaf) => carriesKey(leaf, names));
    });
    return () => new Touched(tables, relations, { keys, bytes });
  }

  async #look(
    connections: OpenConnections,
    watched: Watched,
    pending: Pending,
    fresh: () => Touched,
  ): Promise<void> {
    const { signal } = this.#stop;
    const everyMs = this.#config.adaptive?.touchedEveryMs ?? 1_000;
    let recheckAtMs = 0;
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal });
      const { touched } = pending;
      const [problem] = touched.problems;
      if (problem !== undefined) throw new Error(`${problem[0]}: ${problem[1]}`);
      if (touched.sawUnknown && performance.now() >= recheckAtMs) {
        // Before they are read: what is written from now on may be newer.
        touched.sawUnknown = false;
        await this.#mustBeAsBefore(connections, watched);
        recheckAtMs = performance.now() + RECHECK_MS;
      }
      if (touched.keys === 0) continue;
      pending.touched = fresh();
      pending.touched.sawUnknown = touched.sawUnknown;
      const wrong = await this.#judge(connections, watched.catalogues, touched, pending);
      this.state.rounds++;
      if (wrong.length > 0) this.#handlers.onWrong(wrong);
    }
  }

  /** @throws where what is verified is not what it was: then the watch begins anew. What is not verified may be written. */
  async #mustBeAsBefore(connections: OpenConnections, before: Watched): Promise<void> {
    const now = await this.#read(connections);
    if (printOf(now) !== printOf(before)) throw new Error('tables were made or altered');
  }

  /** What stays in flight is put back, to be looked at with what is written next. */
  async #judge(
    connections: OpenConnections,
    catalogues: Catalogues,
    touched: Touched,
    pending: Pending,
  ): Promise<readonly Finding[]> {
    const [source, sink] = [await connections.source(), await connections.sink()];
    const passFence = () => this.#passFence(connections, catalogues);
    const looked = await this.#chosen(connections, catalogues, touched, passFence);
    const suspected = looked.map(({ pair, keys }) => ({ pair, suspects: [...keys.keys()] }));
    const answers = await settle(source, sink, suspected, {
      rounds: ROUNDS,
      versionColumn: this.#config.versionColumn,
      passFence,
    });
    return looked.flatMap(({ pair, keys }, i) => {
      const answer = answers[i] ?? new Error(`${pair.source.id} was not settled`);
      if (answer instanceof Error) throw answer;
      for (const text of answer.inFlight) pending.touched.again(pair.source.id, keys.get(text) ?? '');
      this.state.keys += keys.size - answer.inFlight.length;
      return findingsOf(pair, answer.wrong);
    });
  }

  /** As many keys as a round may have. A copy that lacks something may have been made since: it is read anew. */
  async #chosen(
    connections: OpenConnections,
    catalogues: Catalogues,
    touched: Touched,
    passFence: PassFence,
  ): Promise<readonly Looked[]> {
    const source = await connections.source();
    const expected = catalogues.expected.filter(({ id }) => touched.tables.has(id));
    const { copies } = await settledCatalogues(this.#config, connections, passFence, {
      ...catalogues,
      expected,
    });
    let left = this.#config.adaptive?.keysPerRound ?? 0;
    const looked: Looked[] = [];
    for (const table of expected) {
      const all = [...(touched.tables.get(table.id)?.keys() ?? [])];
      const keys = all.slice(0, left);
      left -= keys.length;
      this.state.keysLeft += all.length - keys.length;
      if (keys.length === 0) continue;
      const pair = pairTables(table, copies.get(table.id));
      const resolved = await resolveKeys(source, pair, keys);
      looked.push({ pair, keys: new Map(resolved.map(({ text }, i) => [text, keys[i] ?? ''])) });
    }
    return looked;
  }

  async #passFence(
    connections: OpenConnections,
    catalogues: Catalogues,
  ): Promise<'passed' | 'sync-in-progress' | 'no-evidence'> {
    const topics = [...topicsOf(this.#config, catalogues).values()];
    const view = new PipelineProgress(this.#config, connections, async () => topics);
    const deadlineAtMs = performance.now() + FENCE_MS;
    const { tag } = await passFence(view, { deadlineAtMs, signal: this.#stop.signal });
    return tag === 'passed' ? 'passed' : tag === 'in-progress' ? 'sync-in-progress' : 'no-evidence';
  }
}

/** Changes when a table comes or goes, and with its columns, its key and its partitions. */
function printOf({ catalogues, relations }: Watched): string {
  const tables = catalogues.expected.map(({ id, key }) => [
    id,
    key.map(({ name }) => name),
    relations.get(id)?.fingerprint,
  ]);
  return JSON.stringify(tables);
}

/** The hop is not sought: the full verification that follows names it. */
function findingsOf(pair: TablePair, wrong: readonly WrongRow[]): Finding[] {
  return [...Map.groupBy(wrong, (row) => row.class)].map(([name, rows]) => {
    const examples = rows.slice(0, EXAMPLES).map((row) => ({
      key: keyOf(pair, row.keyText),
      columns: [...row.columns],
    }));
    const count = rows.reduce((n, row) => n + row.count, 0);
    return finding({
      ...{ check: CHECK_OF[name], class: name, verdict: 'FAIL', table: pair.source.id, count },
      ...{ first: examples[0] ?? null, examples },
      detail: `${count} ${name} in ${pair.source.id}, among the rows that were just written`,
    });
  });
}
