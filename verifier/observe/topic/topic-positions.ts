import { IdentitySet } from './identities.ts';
import { type ParsedPosition, parsePosition, wordsOf } from './parsed-position.ts';
import { PositionList } from './position-list.ts';
import type { RawRecord } from './topic-reader.ts';

/** Positions of a topic that was read from its first record to its end. */
export interface KnownPositions {
  /** Null if the text is not a position. */
  has(position: string): boolean | null;
  /** The oldest position of the stream (not of a snapshot); null if there is none. */
  readonly oldest: string | null;
}

/** Positions that are out of order, or of a snapshot, of which one topic has few. With more, nothing is claimed. */
const MAX_OUT_OF_ORDER = 1_000_000;

/**
 * Positions of one topic. Those of a partition come in order, with few exceptions: repeated records, and changes that
 * arrive too late.
 */
export class TopicPositions implements KnownPositions {
  readonly #inOrder = new Map<number, PositionList>();
  readonly #others = new IdentitySet();
  /** Positions in order. */
  size = 0;
  isComplete = true;
  oldest: string | null = null;

  /**
   * Remembers the record's position.
   * @returns whether the topic has had the record before; `unknown` where positions do not tell.
   */
  add(record: RawRecord, position: ParsedPosition | undefined): 'new' | 'repeated' | 'unknown' {
    if (position === undefined) {
      if (record.value !== null) this.isComplete = false;
      return 'unknown';
    }
    this.#noteOldest(record, position);
    // All rows of a snapshot share a position.
    if (position.ordinal === 0) return this.#addOther(position);
    const tag = tagOf(record);
    for (const list of this.#inOrder.values()) if (list.has(position, tag)) return 'repeated';
    const list = this.#inOrder.get(record.partition) ?? new PositionList();
    this.#inOrder.set(record.partition, list);
    if (!list.add(position, tag)) return this.#addOther(position);
    this.size++;
    return 'new';
  }

  has(text: string): boolean | null {
    const position = parsePosition(text);
    if (position === undefined) return null;
    if (this.#others.hasWords(...wordsOf(position))) return true;
    return [...this.#inOrder.values()].some((list) => list.has(position));
  }

  #noteOldest({ position: text, value }: RawRecord, { ordinal }: ParsedPosition): void {
    if (text === null || value === null || ordinal === 0) return;
    if (this.oldest === null || text < this.oldest) this.oldest = text;
  }

  #addOther(position: ParsedPosition): 'unknown' {
    if (this.#others.size >= MAX_OUT_OF_ORDER) this.isComplete = false;
    else this.#others.addWords(...wordsOf(position));
    return 'unknown';
  }
}

/**
 * Tells records of one position apart: a change of a key is a delete, its tombstone and an insert. One bit for the
 * tombstone, fifteen of a hash of the key.
 */
function tagOf({ key, value }: RawRecord): number {
  let hash = 0x811c9dc5;
  for (const byte of key ?? []) hash = Math.imul(hash ^ byte, 0x01000193);
  return ((hash ^ (hash >>> 15)) & 0x7fff) | (value === null ? 0x8000 : 0);
}
