import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Databases } from '../observe/connections.ts';
import { LedgerMemory } from '../observe/ledger/ledger-memory.ts';
import { TopicLog } from '../observe/topic/topic-log.ts';
import type { MemoryReport } from '../report.ts';
import { HealedHistory } from './healed-history.ts';
import { type Kept, MemoryFile, type PairIdentity } from './memory-file.ts';
import { readIdentity } from './pair-identity.ts';

/** What a verifier remembers from one verification to the next, so that each reads only what is new. */
export class VerifierMemory {
  readonly ledger: LedgerMemory;
  readonly topics = new TopicLog();
  /** Newest position that each watched row of the sink has shown, by table and key. */
  readonly positions = new Map<string, Map<string, string>>();
  /** Faults whose evidence stays when the rows are right again. */
  readonly healed = new HealedHistory();
  readonly #stateDir: string | null;
  #file: MemoryFile | null = null;
  #identity: PairIdentity | null = null;
  #earlier: Pick<Kept, 'verifications' | 'since'> = { verifications: 0, since: null };
  #problem: string | null = null;

  /** @param stateDir Folder in which {@link positions} and {@link healed} outlive this process. Null: they do not. */
  constructor(stateDir: string | null = null, nowMs: () => number = () => performance.now()) {
    this.#stateDir = stateDir;
    this.ledger = new LedgerMemory(nowMs);
  }

  /**
   * Begins a verification: what is remembered must be about this pair of databases. Never throws: of a pair that cannot
   * be identified, nothing is remembered.
   */
  async begin(databases: Databases): Promise<void> {
    this.#problem = null;
    try {
      const identity = await readIdentity(databases);
      if (this.#identity?.name === identity.name) return;
      const file = this.#stateDir === null ? null : new MemoryFile(this.#stateDir, identity);
      const { kept, problem } = file?.read() ?? { kept: null, problem: null };
      this.healed.restore(kept?.healed ?? {});
      this.positions.clear();
      for (const [table, rows] of kept?.positions ?? []) this.positions.set(table, new Map(rows));
      this.#earlier = { verifications: kept?.verifications ?? 0, since: kept?.since ?? null };
      [this.#identity, this.#file, this.#problem] = [identity, file, problem];
    } catch (error) {
      this.#problem = `the pair could not be identified, so nothing is remembered of it: ${messageOf(error)}`;
    }
  }

  /**
   * Ends a verification, and stores what the next one should know.
   * @returns what the report says of the memory that the verification had.
   */
  end(at: string): MemoryReport {
    const { verifications, since } = this.#earlier;
    if (this.#identity !== null) {
      this.#earlier = { verifications: verifications + 1, since: since ?? at };
      this.#store();
    }
    return { file: this.#file?.path ?? null, verifications, since, note: this.#problem };
  }

  #store(): void {
    try {
      this.#file?.write({
        ...this.#earlier,
        healed: this.healed.toJSON(),
        positions: [...this.positions].map(([table, rows]) => [table, [...rows]]),
      });
    } catch (error) {
      this.#problem = `what this verification found cannot be remembered: ${messageOf(error)}`;
    }
  }
}
