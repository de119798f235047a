import type { Client } from 'pg';
import type { RawRows } from './raw-rows.ts';

const DATA_ROW = 0x44; // 'D'
/** Type and length of a message. */
const HEAD_BYTES = 5;

/**
 * Takes the rows of a query off a connection before `pg` makes an object of each and a string of each value. All other
 * messages go on to `pg`, so that a query's parameters, its end and its errors are handled there as ever.
 */
export class RowTap {
  readonly #stream: NodeJS.EventEmitter;
  readonly #handOn: (bytes: Buffer) => void;
  #rows: RawRows | undefined;
  /** Beginning of a message whose rest is on its way, and how many bytes are needed to go on. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #needed = HEAD_BYTES;

  /** On a connection that is idle: the server is between two messages. */
  constructor(client: Client) {
    this.#stream = client.connection.stream;
    const [listener, ...others] = this.#stream.listeners('data');
    if (listener === undefined || others.length > 0) {
      throw new Error('The connection does not read its socket as it is known to.');
    }
    this.#handOn = listener.bind(this.#stream) as (bytes: Buffer) => void;
    this.#stream.removeListener('data', listener as (bytes: Buffer) => void);
    this.#stream.on('data', (bytes: Buffer) => this.#receive(bytes));
  }

  /** Runs a query, the only one on the connection meanwhile, whose rows are added to `rows`. */
  async collect<T>(rows: RawRows, query: () => Promise<T>): Promise<T> {
    this.#rows = rows;
    try {
      return await query();
    } finally {
      this.#rows = undefined;
    }
  }

  #receive(bytes: Buffer): void {
    if (this.#heldBytes === 0) {
      this.#take(bytes);
      return;
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes < this.#needed) return;
    const all = Buffer.concat(this.#held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    this.#take(all);
  }

  /** Takes whole messages, and holds what is left. */
  #take(bytes: Buffer): void {
    let at = 0;
    /** Where messages begin that are to be handed on. */
    let others = 0;
    this.#needed = HEAD_BYTES;
    while (at + HEAD_BYTES <= bytes.length) {
      const size = 1 + bytes.readInt32BE(at + 1);
      if (at + size > bytes.length) {
        this.#needed = size;
        break;
      }
      const isRow = bytes[at] === DATA_ROW && this.#rows !== undefined;
      if (isRow) {
        if (others < at) this.#handOn(bytes.subarray(others, at));
        this.#rows?.add(bytes, at);
        others = at + size;
      }
      at += size;
    }
    if (others < at) this.#handOn(bytes.subarray(others, at));
    if (at === bytes.length) return;
    this.#held = [bytes.subarray(at)];
    this.#heldBytes = bytes.length - at;
  }
}
