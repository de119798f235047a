import { comparePositions, type ParsedPosition } from './parsed-position.ts';

/** Entries that are read one after another to find one. */
const ENTRIES_PER_CHUNK = 128;
const FIRST_BYTES = 1_024;
/** An entry takes at most this: two numbers of 8 and 5 bytes, and the tag. */
const ENTRY_BYTES = 16;
const WORD = 2 ** 32;
/** Positions from here on could not be stored as a number. */
const LSN_HIGH_LIMIT = 2 ** 20;

/** The first position of a chunk, and where its other entries begin. */
interface Chunk {
  readonly first: ParsedPosition;
  readonly at: number;
  entries: number;
}

/**
 * Positions in the order in which one partition's records have them, each with a tag of 16 bits. It is a list of
 * differences: some 5 bytes an entry, where a hash table takes 16 to 32.
 */
export class PositionList {
  readonly #chunks: Chunk[] = [];
  #bytes = new Uint8Array(FIRST_BYTES);
  #end = 0;
  /** Where {@link #read} reads. */
  #cursor = 0;
  #last: ParsedPosition | null = null;
  size = 0;

  /** @returns false if the position is older than the last one: then it was not added. */
  add(position: ParsedPosition, tag: number): boolean {
    const last = this.#last;
    if (position.lsnHigh >= LSN_HIGH_LIMIT || (last !== null && comparePositions(position, last) < 0))
      return false;
    if (this.#end + ENTRY_BYTES > this.#bytes.length) this.#grow();
    const chunk = this.#chunks.at(-1);
    const isNext =
      chunk !== undefined && chunk.entries < ENTRIES_PER_CHUNK && last?.timeline === position.timeline;
    if (isNext && last !== null) {
      const step = lsnOf(position) - lsnOf(last);
      this.#write(step);
      this.#write(step === 0 ? position.ordinal - last.ordinal : position.ordinal);
      chunk.entries++;
    } else this.#chunks.push({ first: position, at: this.#end, entries: 1 });
    this.#bytes[this.#end++] = tag >> 8;
    this.#bytes[this.#end++] = tag;
    this.#last = position;
    this.size++;
    return true;
  }

  /** Whether the position is in the list, with that tag if one is given. */
  has(position: ParsedPosition, tag?: number): boolean {
    if (this.#last === null || comparePositions(position, this.#last) > 0) return false;
    // Entries of one position may go from one chunk into the next.
    for (let i = this.#lastChunkFrom(position); i >= 0; i--) {
      const chunk = this.#chunks[i];
      if (chunk === undefined) return false;
      if (this.#isIn(chunk, position, tag)) return true;
      if (comparePositions(chunk.first, position) !== 0) return false;
    }
    return false;
  }

  /** The last chunk that begins at or before the position; -1 if there is none. */
  #lastChunkFrom(position: ParsedPosition): number {
    let [low, high] = [0, this.#chunks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const chunk = this.#chunks[middle];
      if (chunk !== undefined && comparePositions(chunk.first, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #isIn(
    { first, at, entries }: Chunk,
    { timeline, lsnHigh, lsnLow, ordinal }: ParsedPosition,
    tag?: number,
  ): boolean {
    if (first.timeline !== timeline) return false;
    const wanted = lsnHigh * WORD + lsnLow;
    let [lsn, own] = [lsnOf(first), first.ordinal];
    let cursor = at;
    for (let entry = 0; entry < entries; entry++) {
      if (entry > 0) {
        this.#cursor = cursor;
        const step = this.#read();
        const more = this.#read();
        own = step === 0 ? own + more : more;
        lsn += step;
        cursor = this.#cursor;
      }
      if (lsn > wanted) return false;
      const isHere = lsn === wanted && own === ordinal;
      if (isHere && (tag === undefined || this.#tagAt(cursor) === tag)) return true;
      cursor += 2;
    }
    return false;
  }

  #tagAt(at: number): number {
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0);
  }

  /** Writes a number in groups of 7 bits, the lowest first. */
  #write(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#end++] = rest;
  }

  /** The number at {@link #cursor}, which goes behind it. Some sixty are read to find one entry, so it makes no objects. */
  #read(): number {
    let byte = this.#bytes[this.#cursor++] ?? 0;
    let value = byte & 0x7f;
    for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = this.#bytes[this.#cursor++] ?? 0;
      value += (byte & 0x7f) * scale;
    }
    return value;
  }

  #grow(): void {
    const wider = new Uint8Array(this.#bytes.length * 2);
    wider.set(this.#bytes);
    this.#bytes = wider;
  }
}

function lsnOf({ lsnHigh, lsnLow }: ParsedPosition): number {
  return lsnHigh * WORD + lsnLow;
}
