import { type Example, MAX_EXAMPLES } from '../../report.ts';
import { readKey } from './envelope.ts';
import { KeySlots } from './key-slots.ts';
import { comparePositions, type ParsedPosition, positionIn, storePosition } from './parsed-position.ts';
import type { RawRecord } from './topic-reader.ts';

/** Keys whose last change is remembered, 28 bytes each in a table that is at most three quarters full. Others are not judged. */
const MAX_KEYS = 500_000;

/** Violations of the order in one topic. */
export interface TopicOrder {
  /** Changes that arrived for the first time after a newer change of their key. */
  inverted: number;
  /** Records whose key was in another partition earlier. */
  moved: number;
  /** Offset of the last of either, by partition. */
  readonly last: Map<number, bigint>;
  readonly invertedExamples: Example[];
  readonly movedExamples: Example[];
}

/** For each key: its newest position, then its partition plus one. */
const WORDS = 5;

/**
 * Checks, record by record, whether the changes of each key arrive in the order of their commits. A repeated change is
 * not an inversion, and rows of a snapshot are not ordered.
 */
export class KeyOrder {
  readonly topics = new Map<string, TopicOrder>();
  /** Changes that carry a position, so that their order could be judged. */
  judged = 0;
  readonly #keys = new KeySlots(WORDS, MAX_KEYS);

  /** True if keys were left out because there are too many. */
  get isFull(): boolean {
    return this.#keys.isFull;
  }

  /** @param isNew False if the record repeats an earlier one. */
  add(record: RawRecord, position: ParsedPosition, isNew: boolean): void {
    if (record.key === null || record.value === null) return;
    this.judged++;
    const own = this.#keys.of(record);
    if (own === null) return;
    if (own[4] !== 0 && own[4] !== record.partition + 1) {
      this.#note(record, 'moved', `partition ${record.partition}, offset ${record.offset}`);
    }
    own[4] = record.partition + 1;
    // A snapshot runs ahead of the stream: changes from before it may follow its rows, and are not inversions.
    if (position.ordinal === 0) return;
    const order = comparePositions(position, positionIn(own));
    if (order > 0) storePosition(own, position);
    else if (order < 0 && isNew) {
      this.#note(
        record,
        'inverted',
        `${record.position} at partition ${record.partition}, offset ${record.offset}`,
      );
    }
  }

  #note(record: RawRecord, what: 'inverted' | 'moved', detail: string): void {
    const known = this.topics.get(record.topic);
    const own: TopicOrder = known ?? {
      ...{ inverted: 0, moved: 0, last: new Map() },
      ...{ invertedExamples: [], movedExamples: [] },
    };
    this.topics.set(record.topic, own);
    own[what]++;
    own.last.set(record.partition, record.offset);
    const examples = own[`${what}Examples`];
    if (examples.length >= MAX_EXAMPLES || record.key === null) return;
    const key = Object.entries(readKey(record.key) ?? {}).map(([name, value]) => [name, String(value)]);
    examples.push({ key: Object.fromEntries(key), columns: [], detail });
  }
}
