import type { ProducedRecord } from '../../contract/records.ts';
import type { CommitMark } from '../position/commit-mark.ts';
import { recordBytes } from '../publish/publisher.ts';

interface PlacedMark extends CommitMark {
  /** How many records of the stream come before the end of this transaction. */
  readonly after: number;
}

export interface Batch {
  readonly records: readonly ProducedRecord[];
  /** True where its first record is the first of a transaction. */
  readonly startsTransaction: boolean;
}

/**
 * Records between the decoder and Kafka, in the order of the stream, and the commits between them. A commit
 * is done with when every record before it is acknowledged: acknowledgements are contiguous by construction.
 */
export class RecordQueue {
  #records: ProducedRecord[] = [];
  #head = 0;
  #bytes = 0;
  /** Records ever added, ever acknowledged. */
  #added = 0;
  #acknowledged = 0;
  /** Where the last taken batch ends. */
  #taken = 0;
  #marks: PlacedMark[] = [];
  #wake: (() => void) | undefined;
  /** Ends of transactions among the records that wait, to know where a batch starts. */
  #lastMarkAfter = 0;

  add(records: readonly ProducedRecord[]): void {
    for (const record of records) this.addOne(record);
  }

  addOne(record: ProducedRecord): void {
    this.#records.push(record);
    this.#bytes += recordBytes(record);
    this.#added++;
  }

  /** The transaction whose records were added last has ended. */
  commit(mark: CommitMark): void {
    this.#marks.push({ ...mark, after: this.#added });
    this.#wakeUp();
  }

  /** Records that wait or are on their way. */
  get unacknowledged(): number {
    return this.#added - this.#acknowledged;
  }

  get waiting(): number {
    return this.#records.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing waits, nothing is on its way, no commit is open for acknowledgement. */
  get idle(): boolean {
    return this.unacknowledged === 0 && this.#marks.length === 0;
  }

  /** Takes records from the front. Empty where none waits. */
  take(maxRecords: number, maxBytes: number): Batch {
    const start = this.#head;
    let end = start;
    let bytes = 0;
    while (end < this.#records.length && end - start < maxRecords) {
      const size = recordBytes(this.#records[end] as ProducedRecord);
      if (end > start && bytes + size > maxBytes) break;
      bytes += size;
      end++;
    }
    const records = this.#records.slice(start, end);
    const startsTransaction =
      this.#taken === this.#lastMarkAfter || this.#marks.some((m) => m.after === this.#taken);
    this.#bytes -= bytes;
    this.#head = end;
    this.#taken += records.length;
    if (this.#head === this.#records.length || this.#head > 65_536) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
    return { records, startsTransaction };
  }

  /** The next `count` records are safe. Returns the transactions that are so as a whole now, in order. */
  acknowledge(count: number): readonly CommitMark[] {
    this.#acknowledged += count;
    let done = 0;
    for (const mark of this.#marks) {
      if (mark.after > this.#acknowledged) break;
      this.#lastMarkAfter = mark.after;
      done++;
    }
    return this.#marks.splice(0, done);
  }

  /**
   * Resolves when there may be something to do: at once if there is, else at the next commit or {@link
   * nudge}.
   */
  async ready(): Promise<void> {
    if (this.waiting > 0 || (this.#marks[0] !== undefined && this.#marks[0].after <= this.#acknowledged))
      return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Lets {@link ready} look again: a transaction grew past a batch, or the task ends. */
  nudge(): void {
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
