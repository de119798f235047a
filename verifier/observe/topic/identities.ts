import { hash } from 'node:crypto';
import type { RawRecord } from './topic-reader.ts';

/**
 * Identity of a record, which only its repetitions share: topic, key, position, and whether it is a tombstone. A second
 * snapshot has another position.
 * @returns null if a record cannot be told apart from others: a row without a key in a snapshot, where all rows share
 * one position, or a tombstone without a position.
 */
export function identityOf({
  topic,
  key,
  value,
  position,
}: Pick<RawRecord, 'topic' | 'key' | 'value' | 'position'>): string | null {
  const place = position ?? (value === null ? null : debeziumPosition(value));
  if (place === null || (key === null && isSnapshotPosition(place))) return null;
  return hash('sha1', `${topic}\0${place}\0${value === null}\0${key?.toString('latin1') ?? ''}`, 'binary');
}

function isSnapshotPosition(place: string): boolean {
  return place.endsWith('-00000000') || place.endsWith('/r');
}

/** Debezium's events carry no position, so LSN, transaction and operation of the `source` block serve as one. */
function debeziumPosition(value: Buffer): string | null {
  try {
    const json: { payload?: unknown } = JSON.parse(value.toString('utf8'));
    const { op, source } = (json.payload ?? json) as { op?: unknown; source?: Record<string, unknown> };
    if (source === undefined || source === null || typeof source.lsn !== 'number') return null;
    return `${source.lsn}/${String(source.txId)}/${String(op)}`;
  } catch {
    return null;
  }
}

/** A set of hashes, by their first 64 bits: eight bytes an entry, where a Set would take some sixty. */
export class IdentitySet {
  #slots = new Uint32Array(2 * 1024);
  size = 0;

  /** Returns false if the hash is in the set already. */
  add(latin1: string): boolean {
    return this.addWords(word(latin1, 0), word(latin1, 4));
  }

  /** Adds a hash that is given as two 32-bit numbers. */
  addWords(high: number, low: number): boolean {
    if (this.size * 4 >= this.#slots.length) this.#grow();
    // The second word of an entry is never zero: zero marks an empty slot.
    const at = seek(this.#slots, high >>> 0, low >>> 0 || 1);
    if (this.#slots[at + 1] !== 0) return false;
    this.#slots[at] = high;
    this.#slots[at + 1] = low >>> 0 || 1;
    this.size++;
    return true;
  }

  hasWords(high: number, low: number): boolean {
    return this.#slots[seek(this.#slots, high >>> 0, low >>> 0 || 1) + 1] !== 0;
  }

  #grow(): void {
    const wider = new Uint32Array(this.#slots.length * 2);
    for (let from = 0; from < this.#slots.length; from += 2) {
      const [high = 0, low = 0] = [this.#slots[from], this.#slots[from + 1]];
      if (low === 0) continue;
      const at = seek(wider, high, low);
      wider[at] = high;
      wider[at + 1] = low;
    }
    this.#slots = wider;
  }
}

/** Index of the two words, or of the free slot where they belong. */
function seek(slots: Uint32Array, high: number, low: number): number {
  const mask = slots.length / 2 - 1;
  for (let at = low & mask; ; at = (at + 1) & mask) {
    const there = slots[2 * at + 1];
    if (there === 0 || (slots[2 * at] === high && there === low)) return 2 * at;
  }
}

/** Four bytes of a hash in latin1 text, as an unsigned number. */
export function word(text: string, at: number): number {
  const byte = (i: number): number => text.charCodeAt(at + i);
  return ((byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3)) >>> 0;
}
