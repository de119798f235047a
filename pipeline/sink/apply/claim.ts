/** A partition that this task owns, with the offset that the sink database has stored for it. */
export class Claim {
  readonly topic: string;
  readonly partition: number;
  /** Grows with each owner: the transactions of an earlier owner cannot commit. */
  readonly epoch: bigint;
  #nextOffset: bigint;

  constructor(stored: {
    readonly topic: string;
    readonly partition: number;
    readonly epoch: bigint;
    readonly nextOffset: bigint;
  }) {
    this.topic = stored.topic;
    this.partition = stored.partition;
    this.epoch = stored.epoch;
    this.#nextOffset = stored.nextOffset;
  }

  /** The stored next offset. */
  get nextOffset(): bigint {
    return this.#nextOffset;
  }

  /** @throws Error if `next` is before the stored offset: its records would be applied again. */
  assertGrowsTo(next: bigint): void {
    if (next < this.#nextOffset) {
      throw new Error(`the offset of ${this.describe()} must not move back to ${next}`);
    }
  }

  /** Takes note that the database has stored `next`. */
  advanceTo(next: bigint): void {
    this.assertGrowsTo(next);
    this.#nextOffset = next;
  }

  /** For a log line. */
  describe(): string {
    return `${this.topic}-${this.partition}@${this.#nextOffset} (epoch ${this.epoch})`;
  }
}
