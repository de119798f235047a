import type { Claim } from '../apply/claim.ts';
import { Lane, type LaneDependencies } from './lane.ts';
import type { FetchedPartition } from './read-committed.ts';

export interface LanesDependencies extends LaneDependencies {
  /** A lane ended by itself: its batch could not be applied. */
  readonly onFailure: (error: unknown) => void;
}

/** The lanes of the partitions that this task owns. */
export class Lanes {
  readonly #deps: LanesDependencies;
  #lanes = new Map<string, { readonly lane: Lane; readonly ended: Promise<void> }>();

  constructor(deps: LanesDependencies) {
    this.#deps = deps;
  }

  get all(): readonly Lane[] {
    return [...this.#lanes.values()].map(({ lane }) => lane);
  }

  /** The topics of the owned partitions. */
  get topics(): string[] {
    return [...new Set(this.all.map(({ claim }) => claim.topic))];
  }

  /** Keys and values that are fetched and not applied, over all partitions. */
  get bufferedBytes(): number {
    return this.all.reduce((bytes, lane) => bytes + lane.bufferedBytes, 0);
  }

  /** True while the admit stage of any lane holds what was fetched. */
  get isHolding(): boolean {
    return this.all.some((lane) => lane.isHolding);
  }

  /** Starts a lane for each claim. The lanes before must have {@link end}ed. */
  start(claims: readonly Claim[]): void {
    if (this.#lanes.size > 0) throw new Error('the lanes of the last assignment have not ended');
    for (const claim of claims) {
      const lane = new Lane(claim, this.#deps);
      this.#lanes.set(`${claim.topic}:${claim.partition}`, { lane, ended: this.#run(lane) });
    }
  }

  async #run(lane: Lane): Promise<void> {
    try {
      await lane.run();
    } catch (error) {
      lane.cancel();
      this.#deps.onFailure(error);
    }
  }

  /** Queues what a fetch returned, unless the lane that asked for it is gone. */
  push(fetched: FetchedPartition, asked: readonly Lane[]): void {
    const lane = this.#lanes.get(`${fetched.topic}:${fetched.partition}`)?.lane;
    if (lane !== undefined && asked.includes(lane)) lane.push(fetched);
  }

  wake(): void {
    for (const lane of this.all) lane.wake();
  }

  /** Ends all lanes; resolves when no transaction is open any more. */
  async end(): Promise<void> {
    const lanes = [...this.#lanes.values()];
    for (const { lane } of lanes) lane.cancel();
    await Promise.all(lanes.map(({ ended }) => ended));
    this.#lanes = new Map();
  }
}
