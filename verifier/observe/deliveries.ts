import { hash } from 'node:crypto';
import type { Offsets } from '../fence.ts';
import type { KafkaView } from './kafka.ts';
import { type RawRecord, readRecords } from './topic-reader.ts';

/** Records read at most by one verification: what is left is for the next one. */
const RECORDS_PER_LOOK = 500_000n;
/** Identities kept at most, eight bytes each and as much room again. Beyond it nothing is claimed. */
const MAX_IDENTITIES = 4_000_000;

/** Counts records that repeat a change which is in the topics already. Each record is read once in its life. */
export class DeliveryCounter {
  #next = new Map<string, bigint>();
  #seen = new IdentitySet();
  #repeated = 0;

  /** Null where not all could be read yet, or there is more than can be remembered. */
  async count(kafka: KafkaView, topics: readonly string[], signal: AbortSignal): Promise<number | null> {
    const { firsts, ends } = await kafka.offsets(topics);
    if ([...this.#next].some(([partition, next]) => (ends.get(partition) ?? 0n) < next)) this.#forget();
    const from = new Map<string, bigint>();
    for (const [partition, first] of firsts) {
      const next = this.#next.get(partition) ?? 0n;
      from.set(partition, next > first ? next : first);
    }
    const bounded = withinBudget(from, ends);
    const onRecord = (record: RawRecord): void => {
      this.#next.set(`${record.topic}/${record.partition}`, record.offset + 1n);
      const identity = identityOf(record);
      if (identity !== null && this.#seen.size < MAX_IDENTITIES && !this.#seen.add(identity))
        this.#repeated++;
    };
    const problem = await readRecords(kafka, from, bounded, onRecord, signal);
    if (problem !== '') return null;
    for (const [partition, end] of bounded) this.#next.set(partition, end);
    const all = [...ends].every(([partition, end]) => bounded.get(partition) === end);
    return all && this.#seen.size < MAX_IDENTITIES ? this.#repeated : null;
  }

  #forget(): void {
    this.#next = new Map();
    this.#seen = new IdentitySet();
    this.#repeated = 0;
  }
}

function withinBudget(from: Offsets, ends: Offsets): Map<string, bigint> {
  let left = RECORDS_PER_LOOK;
  const bounded = new Map<string, bigint>();
  for (const [partition, end] of ends) {
    const start = from.get(partition) ?? 0n;
    const count = end - start < left ? end - start : left;
    bounded.set(partition, start + count);
    left -= count;
  }
  return bounded;
}

/**
 * What a record shares with no other but its own repetition: topic, key, position, and whether it is a tombstone. A
 * snapshot that is taken again has a position of its own. Null where a record cannot be told from others: without a
 * key in a snapshot, where all rows share one position, and a tombstone without position.
 */
export function identityOf({ topic, key, value, position }: RawRecord): string | null {
  const place = position ?? (value === null ? null : debeziumPosition(value));
  if (place === null || (key === null && isSnapshotPosition(place))) return null;
  return hash('sha1', `${topic}\0${place}\0${value === null}\0${key?.toString('latin1') ?? ''}`, 'binary');
}

function isSnapshotPosition(place: string): boolean {
  return place.endsWith('-00000000') || place.endsWith('/r');
}

/** Debezium's events carry no position: LSN, transaction and operation of their `source` block. */
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

/** A set of hashes, by their first 64 bits: eight bytes an entry where a Set takes some sixty. */
export class IdentitySet {
  #slots = new Uint32Array(2 * 1024);
  size = 0;

  /** False where it is in the set already. */
  add(latin1: string): boolean {
    if (this.size * 4 >= this.#slots.length) this.#grow();
    // An empty slot is two zeros.
    if (!this.#place(this.#slots, word(latin1, 0), word(latin1, 4) || 1)) return false;
    this.size++;
    return true;
  }

  #place(slots: Uint32Array, high: number, low: number): boolean {
    const mask = slots.length / 2 - 1;
    for (let at = low & mask; ; at = (at + 1) & mask) {
      const [there, other] = [slots[2 * at], slots[2 * at + 1]];
      if (there === high && other === low) return false;
      if (there !== 0 || other !== 0) continue;
      slots[2 * at] = high;
      slots[2 * at + 1] = low;
      return true;
    }
  }

  #grow(): void {
    const wider = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += 2) {
      const low = this.#slots[at + 1] ?? 0;
      if (low !== 0) this.#place(wider, this.#slots[at] ?? 0, low);
    }
    this.#slots = wider;
  }
}

function word(text: string, at: number): number {
  const byte = (i: number): number => text.charCodeAt(at + i);
  return ((byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3)) >>> 0;
}
