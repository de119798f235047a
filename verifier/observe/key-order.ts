import { hash } from 'node:crypto';
import type { Example } from '../report.ts';
import { readKey } from './envelope.ts';
import { word } from './identities.ts';
import { comparePlaces, type Place } from './place.ts';
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

/** Words of one key: its hash, then the newest place that it has shown, then its partition plus one. */
const STRIDE = 7;

/**
 * Follows, record by record, whether the changes of each key come in the order of their commits. A change that comes
 * again is no inversion; rows of a snapshot have an order of their own.
 */
export class KeyOrder {
  readonly topics = new Map<string, TopicOrder>();
  /** Changes that carry a position, so that their order could be looked at. */
  judged = 0;
  #slots = new Uint32Array(STRIDE * 1024);
  #keys = 0;

  /** True where keys were left out because there are too many. */
  get isFull(): boolean {
    return this.#keys >= MAX_KEYS;
  }

  /** @param isNew The record repeats none that came before. */
  add(record: RawRecord, place: Place, isNew: boolean): void {
    if (record.key === null || record.value === null) return;
    this.judged++;
    const text = hash('sha1', `${record.topic}\0${record.key.toString('latin1')}`, 'binary');
    const at = this.#find(word(text, 0), word(text, 4) || 1);
    if (at === null) return;
    const slots = this.#slots;
    const known = slots[at + 6] !== 0;
    if (known && slots[at + 6] !== record.partition + 1) {
      this.#note(record, 'moved', `partition ${record.partition}, offset ${record.offset}`);
    }
    slots[at + 6] = record.partition + 1;
    // A snapshot is taken ahead of the stream: changes from before it may come behind its rows, and are no inversion.
    if (place.ordinal === 0) return;
    const last = {
      timeline: slots[at + 2] ?? 0,
      lsnHigh: slots[at + 3] ?? 0,
      lsnLow: slots[at + 4] ?? 0,
      ordinal: slots[at + 5] ?? 0,
    };
    const order = comparePlaces(place, last);
    if (order > 0) slots.set([place.timeline, place.lsnHigh, place.lsnLow, place.ordinal], at + 2);
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

  /** Where the key stands, or from now on will; null where there is no more room. */
  #find(high: number, low: number): number | null {
    if (this.#keys * 2 * STRIDE >= this.#slots.length) this.#grow();
    const at = seek(this.#slots, high, low);
    if (this.#slots[at + 1] !== 0) return at;
    if (this.isFull) return null;
    this.#slots[at] = high;
    this.#slots[at + 1] = low;
    this.#keys++;
    return at;
  }

  #grow(): void {
    const wider = new Uint32Array(this.#slots.length * 2);
    for (let from = 0; from < this.#slots.length; from += STRIDE) {
      const own = this.#slots.subarray(from, from + STRIDE);
      if (own[1] !== 0) wider.set(own, seek(wider, own[0] ?? 0, own[1] ?? 0));
    }
    this.#slots = wider;
  }
}

function seek(slots: Uint32Array, high: number, low: number): number {
  const mask = slots.length / STRIDE - 1;
  for (let at = low & mask; ; at = (at + 1) & mask) {
    const place = at * STRIDE;
    const there = slots[place + 1];
    if (there === 0 || (slots[place] === high && there === low)) return place;
  }
}
