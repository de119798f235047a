import type { Logger } from '../../contract/connector.ts';
import { messageOf } from '../../contract/errors.ts';
import type { TopicPartition } from './group-reader.ts';
import { within } from './within.ts';

export interface GroupCommitsOptions {
  readonly commit: (offsets: readonly (TopicPartition & { readonly offset: bigint })[]) => Promise<void>;
  /** No commit is begun while the task is not a member, or joins: its generation would be the wrong one. */
  readonly isMember: () => boolean;
  /** Commits have failed for `stuckAfterMs`: the client will not do it any more, and another one is needed. */
  readonly onStuck: () => void;
  readonly log: Logger;
  /** How long one request may take. */
  readonly answerWithinMs: number;
  readonly stuckAfterMs: number;
  /** Injectable clock, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Tells the consumer group where the sink is.
 *
 * The sink database has the truth; the group's offsets are what tools show lag by. So nothing waits for them, and
 * nothing is lost when a commit fails, but every offset noted here gets there in the end, or a newer one does.
 */
export class GroupCommits {
  readonly #options: GroupCommitsOptions;
  readonly #now: () => number;
  readonly #pending = new Map<string, TopicPartition & { readonly offset: bigint }>();
  #running: Promise<void> | null = null;
  #failingSince: number | null = null;

  constructor(options: GroupCommitsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Begins a commit, where none is under way. */
  note({ topic, partition }: TopicPartition, offset: bigint): void {
    this.#pending.set(`${topic}:${partition}`, { topic, partition, offset });
    this.#begin();
  }

  /** Drops what is not committed yet: another member may own it from now on. */
  forget(): void {
    this.#pending.clear();
  }

  /** Resolves when no request is under way; never rejects. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #begin(): void {
    if (this.#running !== null || !this.#options.isMember()) return;
    // Set back only in a later turn of the event loop, so never before it is set.
    this.#running = this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** One request at a time; what is noted meanwhile goes with the next. */
  async #run(): Promise<void> {
    const { answerWithinMs, commit, isMember, log, onStuck, stuckAfterMs } = this.#options;
    while (this.#pending.size > 0 && isMember()) {
      const taken = [...this.#pending];
      this.#pending.clear();
      try {
        const offsets = taken.map(([, offset]) => offset);
        await within(answerWithinMs, commit(offsets));
        this.#failingSince = null;
      } catch (error) {
        log.debug('the group was not told the offsets', { error: messageOf(error) });
        // With the next note they go again; the task makes one at least every few seconds.
        this.#failingSince ??= this.#now();
        if (this.#now() - this.#failingSince < stuckAfterMs) return;
        this.#failingSince = null;
        onStuck();
        return;
      }
    }
  }
}
