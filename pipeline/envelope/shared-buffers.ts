/** Size of a buffer: a few hundred events cost one allocation, and one object to collect. */
export const BUFFER_BYTES = 256 * 1024;
/** So many buffers wait to be used again, 16 MiB; what is over is left to the garbage collector. */
const MOST_FREE = 64;

/** A buffer in which records lie one behind the other. */
export class SharedBuffer {
  readonly bytes: Buffer;
  readonly #whenFree: (bytes: Buffer) => void;
  /** Where the next record begins. */
  used = 0;
  #records = 0;
  #isSealed = false;

  constructor(bytes: Buffer, whenFree: (bytes: Buffer) => void) {
    this.bytes = bytes;
    this.#whenFree = whenFree;
  }

  /** Whether none of its records is needed any more. */
  get isFree(): boolean {
    return this.#records === 0;
  }

  /** Counts a record that ends at `end`; it must be released once. */
  add(end: number): void {
    this.used = end;
    this.#records++;
  }

  release(): void {
    if (this.#records === 0) throw new Error('more records of a buffer were released than were in it');
    this.#records--;
    this.#free();
  }

  /** Nothing is written to it any more: it is free with its last record. */
  seal(): void {
    this.#isSealed = true;
    this.#free();
  }

  #free(): void {
    if (this.#isSealed && this.#records === 0) this.#whenFree(this.bytes);
  }
}

/**
 * The buffers of one encoder. A buffer whose records are all released is written again: a large transaction takes as many
 * buffers as are in flight, not as many as it has rows. One that has a record which is never released, as after a failure,
 * is left to the garbage collector.
 */
export class SharedBuffers {
  readonly #free: Buffer[] = [];
  #current: SharedBuffer | undefined;

  /** The buffer to write to; at its `used` it has room for so many bytes. */
  withRoom(bytes: number): SharedBuffer {
    const current = this.#current;
    if (current !== undefined) {
      if (current.used + bytes <= current.bytes.length) return current;
      if (current.isFree && bytes <= current.bytes.length) {
        current.used = 0;
        return current;
      }
    }
    current?.seal();
    const isUsual = bytes <= BUFFER_BYTES;
    const room = isUsual
      ? (this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES))
      : Buffer.allocUnsafeSlow(bytes);
    this.#current = new SharedBuffer(room, (free) => this.#keep(free));
    return this.#current;
  }

  #keep(free: Buffer): void {
    if (free.length === BUFFER_BYTES && this.#free.length < MOST_FREE) this.#free.push(free);
  }
}
