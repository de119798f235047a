import type { Logger } from '../../contract/connector.ts';
import { messageOf } from '../../contract/errors.ts';
import type { TopicPartition } from './group-reader.ts';
import { within } from './within.ts';

export interface GroupCommitsOptions {
  readonly commit: (offsets: readonly (TopicPartition & { readonly offset: bigint })[]) => Promise<void>;
  /** No commit begins while the task is not a member, or is joining: its generation would be wrong. */
  readonly isMember: () => boolean;
  /** Commits have failed for `stuckAfterMs`: the client must be replaced. */
  readonly onStuck: () => void;
  readonly log: Logger;
  /** The time-out of one request. */
  readonly answerWithinMs: number;
  readonly stuckAfterMs: number;
  /** Injectable clock, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Commits the sink's offsets to the consumer group, in the background.
 *
 * The sink database is authoritative; tools compute lag from the group's offsets. So nothing waits for a commit and
 * nothing is lost if one fails, but every offset noted here, or a newer one, is committed eventually.
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

  /** Notes an offset, and begins a commit unless one is in flight. */
  note({ topic, partition }: TopicPartition, offset: bigint): void {
    this.#pending.set(`${topic}:${partition}`, { topic, partition, offset });
    this.#begin();
  }

  /** Drops what is not committed yet: another member may own the partitions from now on. */
  forget(): void {
    this.#pending.clear();
  }

  /** Resolves when no request is in flight; never rejects. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #begin(): void {
    if (this.#running !== null || !this.#options.isMember()) return;
    // `finally` runs in a later turn of the event loop, so it never resets this before it is set.
    this.#running = this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** One request at a time; offsets noted meanwhile go with the next one. */
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
        log.debug('the offsets were not committed to the group', { error: messageOf(error) });
        // The next note commits again; the task notes every partition every few seconds.
        this.#failingSince ??= this.#now();
        if (this.#now() - this.#failingSince < stuckAfterMs) return;
        this.#failingSince = null;
        onStuck();
        return;
      }
    }
  }
}
