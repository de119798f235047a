import { LabError } from '../../contract/errors.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { CommitMark } from '../position/commit-mark.ts';
import { recordBytes } from '../publish/publisher.ts';
import { formatLsn, maxLsn, ZERO_LSN } from '../source/lsn-text.ts';

interface PlacedMark extends CommitMark {
  /** Number of the stream's records before the end of this transaction. */
  readonly after: number;
}

export interface Batch {
  readonly records: readonly ProducedRecord[];
  /** True if its first record is the first of a transaction. */
  readonly startsTransaction: boolean;
}

/**
 * Records between the decoder and Kafka, in stream order, with the commits between them. Records are acknowledged from
 * the front only, so a commit is acknowledged together with everything before it.
 */
export class RecordQueue {
  #records: ProducedRecord[] = [];
  #head = 0;
  #bytes = 0;
  /** Records ever added, taken and acknowledged. */
  #added = 0;
  #taken = 0;
  #acknowledged = 0;
  #marks: PlacedMark[] = [];
  #lastEndLsn = ZERO_LSN;
  #acknowledgedLsn = ZERO_LSN;
  #wake: (() => void) | undefined;
  /** Number of records before the end of the last acknowledged transaction. */
  #lastMarkAfter = 0;

  add(records: readonly ProducedRecord[]): void {
    for (const record of records) this.addOne(record);
  }

  addOne(record: ProducedRecord): void {
    this.#records.push(record);
    this.#bytes += recordBytes(record);
    this.#added++;
  }

  /**
   * Ends the transaction whose records were added last.
   * @throws LabError CDC-1063 if it ends before the one that came before it.
   */
  commit(mark: CommitMark): void {
    if (mark.endLsn < this.#lastEndLsn) {
      throw outOfOrder(
        `A commit that ends at ${formatLsn(mark.endLsn)} came after one at ${formatLsn(this.#lastEndLsn)}.`,
      );
    }
    this.#lastEndLsn = mark.endLsn;
    this.#marks.push({ ...mark, after: this.#added });
    this.#wakeUp();
  }

  /** Records that are waiting or in flight. */
  get unacknowledged(): number {
    return this.#added - this.#acknowledged;
  }

  get waiting(): number {
    return this.#records.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True if no record is waiting or in flight and every commit is acknowledged. */
  get idle(): boolean {
    return this.unacknowledged === 0 && this.#marks.length === 0;
  }

  /** Kafka has acknowledged everything that committed before this position; zero before the first acknowledgement. */
  get acknowledgedLsn(): Lsn {
    return this.#acknowledgedLsn;
  }

  /** Commit time of the oldest complete transaction that is not acknowledged. */
  get oldestCommitTimeUs(): bigint | undefined {
    return this.#marks[0]?.commitTimeUs;
  }

  /** Takes records from the front; none if none is waiting. */
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

  /**
   * Kafka has acknowledged the next `count` records. Returns the transactions that are now acknowledged as a whole, in
   * order.
   * @throws LabError CDC-1063 if some of the records were never taken.
   */
  acknowledge(count: number): readonly CommitMark[] {
    const inFlight = this.#taken - this.#acknowledged;
    if (count > inFlight) {
      throw outOfOrder(`${count} records were acknowledged while ${inFlight} were in flight.`);
    }
    this.#acknowledged += count;
    let done = 0;
    for (const mark of this.#marks) {
      if (mark.after > this.#acknowledged) break;
      this.#lastMarkAfter = mark.after;
      this.#acknowledgedLsn = mark.endLsn;
      done++;
    }
    return this.#marks.splice(0, done);
  }

  /**
   * The server has nothing to send before this position.
   * @throws LabError CDC-1063 if something from before it is still unacknowledged.
   */
  passed(lsn: Lsn): void {
    if (!this.idle) throw outOfOrder(`Records are unacknowledged before ${formatLsn(lsn)}.`);
    this.#acknowledgedLsn = maxLsn(this.#acknowledgedLsn, lsn);
  }

  /**
   * Resolves when there may be something to do: at once if records or acknowledged commits are waiting, else at the next
   * commit or {@link nudge}.
   */
  async ready(): Promise<void> {
    if (this.waiting > 0 || (this.#marks[0] !== undefined && this.#marks[0].after <= this.#acknowledged))
      return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Makes {@link ready} resolve: a transaction has grown past a batch, or the task ends. */
  nudge(): void {
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function outOfOrder(what: string): LabError {
  return new LabError('CDC-1063', `The capture's record queue is out of order: ${what}`, {
    remedy:
      'This is a bug in the capture. Restart the task, which resumes at the stored position, and report it.',
  });
}
