/** What the source showed of a row: its version, null if the table has no versions, undefined if there is no row. */
export type Shown = string | null | undefined;

/** Words of an entry: two of the key's hash, the transaction's sequence, what was shown, and two of the version. */
const WORDS = 6;
const FIRST_SLOTS = 1024;
const NO_ROW = 0;
const NO_VERSION = 1;
const VERSION = 2;

/**
 * Keys for which the source does not show what a transaction of the ledger wrote. An open-addressing hash table: 24
 * bytes per key, at most three quarters full, where a Map of objects would take 1,000 bytes per key.
 */
export class Suspects {
  #words = new Uint32Array(WORDS * FIRST_SLOTS);
  size = 0;

  /** @param sequence Sequence of the transaction that wrote the key; an older one than the known one changes nothing. */
  add(id: string, sequence: number, shown: Shown): void {
    if (this.size * WORDS * 4 >= this.#words.length * 3) this.#grow();
    const [high, low] = hashOf(id);
    const at = seek(this.#words, high, low);
    if (this.#words[at + 1] === 0) this.size++;
    else if ((this.#words[at + 2] ?? 0) > sequence) return;
    const version = BigInt(shown ?? 0);
    const kind = shown === undefined ? NO_ROW : shown === null ? NO_VERSION : VERSION;
    const halves = [Number(BigInt.asUintN(32, version >> 32n)), Number(BigInt.asUintN(32, version))];
    this.#words.set([high, low, sequence, kind, ...halves], at);
  }

  /** Clears the key if it is suspected because of a transaction before `before`. */
  clear(id: string, before: number): void {
    if (this.size === 0) return;
    const at = seek(this.#words, ...hashOf(id));
    if (this.#words[at + 1] === 0 || (this.#words[at + 2] ?? 0) >= before) return;
    this.#remove(at);
    this.size--;
  }

  /** What was shown, if the key is suspected because of that transaction; else null. */
  of(id: string, sequence: number): { readonly shown: Shown } | null {
    const at = seek(this.#words, ...hashOf(id));
    if (this.#words[at + 1] === 0 || this.#words[at + 2] !== sequence) return null;
    const kind = this.#words[at + 3];
    if (kind !== VERSION) return { shown: kind === NO_VERSION ? null : undefined };
    const [high = 0, low = 0] = this.#words.subarray(at + 4, at + WORDS);
    return { shown: String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low))) };
  }

  #grow(): void {
    const wider = new Uint32Array(this.#words.length * 2);
    for (let from = 0; from < this.#words.length; from += WORDS) {
      const own = this.#words.subarray(from, from + WORDS);
      if (own[1] !== 0) wider.set(own, seek(wider, own[0] ?? 0, own[1] ?? 0));
    }
    this.#words = wider;
  }

  /** Closes the gap of an emptied slot: entries that were pushed behind it move up (deletion under linear probing). */
  #remove(emptied: number): void {
    const words = this.#words;
    let hole = emptied;
    words[hole + 1] = 0;
    for (let at = next(words, hole); words[at + 1] !== 0; at = next(words, at)) {
      if (seek(words, words[at] ?? 0, words[at + 1] ?? 0) !== hole) continue;
      words.copyWithin(hole, at, at + WORDS);
      words[at + 1] = 0;
      hole = at;
    }
  }
}

/** 64 bits: two lanes of MurmurHash's mixing, each over the whole text. Cheaper than an OpenSSL call per write. */
function hashOf(id: string): readonly [high: number, low: number] {
  let [high, low] = [0x9e3779b1, 0x85ebca6b];
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i);
    high = Math.imul(rotate(high ^ Math.imul(unit, 0xcc9e2d51), 13), 0x1b873593) + 0xe6546b64;
    low = Math.imul(rotate(low ^ Math.imul(unit, 0x239b961b), 17), 0xab0e9789) + 0x561ccd1b;
  }
  // An empty slot's second word is zero.
  return [mixed(high ^ rotate(low, 16)), mixed(low) || 1];
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function mixed(word: number): number {
  let own = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  own = Math.imul(own ^ (own >>> 13), 0xc2b2ae35);
  return (own ^ (own >>> 16)) >>> 0;
}

function next(words: Uint32Array, at: number): number {
  return at + WORDS === words.length ? 0 : at + WORDS;
}

/** The slot that holds the two words, or the free slot where they belong. */
function seek(words: Uint32Array, high: number, low: number): number {
  const mask = words.length / WORDS - 1;
  for (let slot = low & mask; ; slot = (slot + 1) & mask) {
    const at = slot * WORDS;
    const there = words[at + 1];
    if (there === 0 || (words[at] === high && there === low)) return at;
  }
}
