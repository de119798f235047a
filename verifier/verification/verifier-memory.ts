import { messageOf } from '../../pipeline/contract/errors.ts';
import type { VerifierConfig } from '../config.ts';
import type { Databases } from '../observe/connections.ts';
import { LedgerMemory } from '../observe/ledger/ledger-memory.ts';
import { topicIds } from '../observe/topic/topic-ids.ts';
import { TopicLog } from '../observe/topic/topic-log.ts';
import type { MemoryReport } from '../report.ts';
import { HealedHistory } from './healed-history.ts';
import { type Kept, MemoryFile, type PairIdentity } from './memory-file.ts';
import { type Between, readIdentity } from './pair-identity.ts';

/** What was found when everything was last looked at. */
export interface LastLook {
  /** On the clock of `performance.now()`, which nobody sets back. */
  readonly atMs: number;
  /** The same as a time of day. */
  readonly at: string;
  readonly found: unknown;
}

/** The pipeline that a verification is about. */
interface Verified extends Databases {
  readonly config: Between & Pick<VerifierConfig, 'kafka'>;
  readonly topics: () => Promise<ReadonlyMap<string, string>>;
}

const NONE_EARLIER = { verifications: 0, since: null };

/** What a verifier remembers from one verification to the next, so that each reads only what is new. */
export class VerifierMemory {
  readonly ledger: LedgerMemory;
  /** Newest position that each watched row of the sink has shown, by table and key. */
  readonly positions = new Map<string, Map<string, string>>();
  /** Faults whose evidence stays when the rows are right again. */
  readonly healed = new HealedHistory();
  /** By what is looked at. Not stored: after a restart everything is looked at. */
  readonly lastLooks = new Map<string, LastLook>();
  readonly #stateDir: string | null;
  #topics = new TopicLog();
  #topicIds: ReadonlyMap<string, string> = new Map();
  #file: MemoryFile | null = null;
  #identity: PairIdentity | null = null;
  #earlier: Pick<Kept, 'verifications' | 'since'> = NONE_EARLIER;
  #problem: string | null = null;

  /** @param stateDir Folder in which {@link positions} and {@link healed} outlive this process. Null: they do not. */
  constructor(stateDir: string | null = null, nowMs: () => number = () => performance.now()) {
    this.#stateDir = stateDir;
    this.ledger = new LedgerMemory(nowMs);
  }

  get topics(): TopicLog {
    return this.#topics;
  }

  /**
   * Begins a verification: what is remembered must be about this pipeline between these databases, and about these topics.
   * Never throws: of a pair that cannot be identified, nothing is remembered.
   */
  async begin({ config, topics, ...databases }: Verified): Promise<void> {
    this.#problem = null;
    try {
      const identity = await readIdentity(databases, config);
      if (this.#identity?.name !== identity.name) this.#use(identity);
      this.#sawTopics(await idsOf(config.kafka, topics));
    } catch (error) {
      this.#forget();
      const why = messageOf(error);
      this.#problem = `the pair could not be identified, so nothing is remembered of it: ${why}`;
    }
  }

  /**
   * Ends a verification, and stores what the next one should know.
   * @returns what the report says of the memory that the verification had.
   */
  async end(at: string): Promise<MemoryReport> {
    const { verifications, since } = this.#earlier;
    if (this.#identity !== null) {
      this.#earlier = { verifications: verifications + 1, since: since ?? at };
      await this.#store();
    }
    return { file: this.#file?.path ?? null, verifications, since, note: this.#problem };
  }

  /** Replaces what is remembered by what is stored of the pair. */
  #use(identity: PairIdentity): void {
    this.#forget();
    const file = this.#stateDir === null ? null : new MemoryFile(this.#stateDir, identity);
    const { kept, problem } = file?.read() ?? { kept: null, problem: null };
    this.healed.restore(kept?.healed ?? {});
    for (const [table, rows] of kept?.positions ?? []) this.positions.set(table, new Map(rows));
    this.#topicIds = new Map(Object.entries(kept?.topicIds ?? {}));
    this.#earlier = { verifications: kept?.verifications ?? 0, since: kept?.since ?? null };
    [this.#identity, this.#file, this.#problem] = [identity, file, problem];
  }

  /** Counts and offsets of a topic that was deleted and created again begin again: what is known is about the old one. */
  #sawTopics(ids: ReadonlyMap<string, string>): void {
    if ([...ids].some(([topic, id]) => (this.#topicIds.get(topic) ?? id) !== id)) {
      this.healed.restore({});
      this.lastLooks.clear();
      this.#topics = new TopicLog();
    }
    this.#topicIds = new Map([...this.#topicIds, ...ids]);
  }

  /** The topics' records and the ledger's entries that were read stay known: they are of no pair of databases. */
  #forget(): void {
    this.healed.restore({});
    this.positions.clear();
    this.lastLooks.clear();
    this.#topicIds = new Map();
    this.#earlier = NONE_EARLIER;
    [this.#identity, this.#file] = [null, null];
  }

  async #store(): Promise<void> {
    try {
      await this.#file?.write({
        ...this.#earlier,
        healed: this.healed.toJSON(),
        positions: [...this.positions].map(([table, rows]) => [table, [...rows]]),
        topicIds: Object.fromEntries(this.#topicIds),
      });
    } catch (error) {
      this.#problem = `what this verification found cannot be remembered: ${messageOf(error)}`;
    }
  }
}

/** Empty if the broker does not tell them. If no broker answers, the topics cannot be read, and nothing is history. */
async function idsOf(
  kafka: VerifierConfig['kafka'],
  topics: Verified['topics'],
): Promise<ReadonlyMap<string, string>> {
  if (kafka === null) return new Map();
  return await topics()
    .then((byTable) => topicIds(kafka, [...new Set(byTable.values())]))
    .catch(() => new Map());
}
