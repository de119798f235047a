import type { Example } from '../../report.ts';
import { readKey } from './envelope.ts';
import { KeySlots } from './key-slots.ts';
import { comparePositions, type ParsedPosition, positionIn, storePosition } from './parsed-position.ts';
import type { RawRecord } from './topic-reader.ts';

/** Keys whose last change is remembered, 28 bytes each and as much room again. Others are not judged. */
const MAX_KEYS = 500_000;
const EXAMPLES = 5;

/** What the order of one topic's records says. */
export interface TopicOrder {
  /** Changes that came for the first time behind a newer change of their key. */
  inverted: number;
  /** Records whose key was in another partition before. */
  moved: number;
  readonly invertedExamples: Example[];
  readonly movedExamples: Example[];
}

/** Of each key: the newest place that it has shown, then its partition plus one. */
const WORDS = 5;

/**
 * Follows, record by record, whether the changes of each key come in the order of their commits. A change that comes
 * again is no inversion; rows of a snapshot have an order of their own.
 */
export class KeyOrder {
  readonly topics = new Map<string, TopicOrder>();
  /** Changes that carry a position, so that their order could be looked at. */
  judged = 0;
  readonly #keys = new KeySlots(WORDS, MAX_KEYS);

  /** True where keys were left out because there are too many. */
  get isFull(): boolean {
    return this.#keys.isFull;
  }

  /** @param isNew The record repeats none that came before. */
  add(record: RawRecord, place: ParsedPosition, isNew: boolean): void {
    if (record.key === null || record.value === null) return;
    this.judged++;
    const own = this.#keys.of(record);
    if (own === null) return;
    if (own[4] !== 0 && own[4] !== record.partition + 1) {
      this.#note(record, 'moved', `partition ${record.partition}, offset ${record.offset}`);
    }
    own[4] = record.partition + 1;
    // A snapshot is taken ahead of the stream: changes from before it may come behind its rows, and are no inversion.
    if (place.ordinal === 0) return;
    const order = comparePositions(place, positionIn(own));
    if (order > 0) storePosition(own, place);
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
    const own = known ?? { inverted: 0, moved: 0, invertedExamples: [], movedExamples: [] };
    this.topics.set(record.topic, own);
    own[what]++;
    const examples = own[`${what}Examples`];
    if (examples.length >= EXAMPLES || record.key === null) return;
    const key = Object.entries(readKey(record.key) ?? {}).map(([name, value]) => [name, String(value)]);
    examples.push({ key: Object.fromEntries(key), columns: [], detail });
  }
}
