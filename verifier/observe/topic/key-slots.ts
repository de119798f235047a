import { hash } from 'node:crypto';
import { word } from './identities.ts';
import type { RawRecord } from './topic-reader.ts';

/** Share of the slots that may be taken. A key that is not there is looked for in some eight slots then. */
const FULLEST = 0.75;
const FIRST_SLOTS = 1_024;
const GROWTH = 1.5;
const WORD = 2 ** 32;

/** A hash table of keys, with some 32-bit words for each: a fraction of the memory of a Map of objects. */
export class KeySlots {
  readonly #stride: number;
  readonly #maxKeys: number;
  #words: Uint32Array;
  #keys = 0;

  /** @param ownWords Number of words for each key; they start as zeros. */
  constructor(ownWords: number, maxKeys: number) {
    this.#stride = ownWords + 2;
    this.#maxKeys = maxKeys;
    this.#words = new Uint32Array(this.#stride * FIRST_SLOTS);
  }

  /** Memory of the table, in bytes. */
  get bytes(): number {
    return this.#words.byteLength;
  }

  get size(): number {
    return this.#keys;
  }

  get isFull(): boolean {
    return this.#keys >= this.#maxKeys;
  }

  /** The words of a record's key, which is added if it is new; null if the table is full. Valid until the next call. */
  of({ topic, key }: Pick<RawRecord, 'topic' | 'key'>): Uint32Array | null {
    const text = hash('sha1', `${topic}\0${key?.toString('latin1') ?? ''}`, 'binary');
    const [high, low] = [word(text, 0), word(text, 4) || 1];
    if (!this.isFull && this.#keys >= FULLEST * this.#slots) this.#grow();
    const at = this.#seek(this.#words, high, low);
    if (this.#words[at + 1] === 0) {
      if (this.isFull) return null;
      this.#words[at] = high;
      this.#words[at + 1] = low;
      this.#keys++;
    }
    return this.#words.subarray(at + 2, at + this.#stride);
  }

  get #slots(): number {
    return this.#words.length / this.#stride;
  }

  /** No larger than the most keys need: the table of a topic with many keys is the verifier's largest object. */
  #grow(): void {
    const slots = Math.min(Math.ceil(this.#slots * GROWTH), Math.ceil(this.#maxKeys / FULLEST) + 1);
    const wider = new Uint32Array(slots * this.#stride);
    for (let from = 0; from < this.#words.length; from += this.#stride) {
      const own = this.#words.subarray(from, from + this.#stride);
      if (own[1] !== 0) wider.set(own, this.#seek(wider, own[0] ?? 0, own[1] ?? 0));
    }
    this.#words = wider;
  }

  /**
   * Index of the key, or of the free slot where it belongs: the second word of a free slot is zero. There is always a free
   * slot.
   */
  #seek(words: Uint32Array, high: number, low: number): number {
    const slots = words.length / this.#stride;
    for (let at = Math.floor((low / WORD) * slots); ; at = at + 1 === slots ? 0 : at + 1) {
      const place = at * this.#stride;
      const there = words[place + 1];
      if (there === 0 || (words[place] === high && there === low)) return place;
    }
  }
}
