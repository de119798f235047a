import type { Client } from 'pg';

/** Message types: manual, "Message Formats". */
export const DATA_ROW = 0x44; // 'D'
export const COPY_DATA = 0x64; // 'd'
/** Type and length of a message. */
export const HEAD_BYTES = 5;

/** Takes the message `bytes[start … end)`, including its head. The buffer is not reused. */
export type TakeMessage = (bytes: Buffer, start: number, end: number) => void;

/**
 * Takes the messages of one type off a connection before `pg` makes an object of each. All others are passed on to
 * `pg`, in order, which handles parameters, completion and errors of a query as usual.
 */
export class MessageTap {
  readonly #stream: NodeJS.EventEmitter;
  readonly #passOn: (bytes: Buffer) => void;
  #type: number | undefined;
  #takeOne: TakeMessage = () => {};
  /** Start of an incomplete message, and the number of bytes needed to continue. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #needed = HEAD_BYTES;

  /** @param client Idle: the server is between two messages. */
  constructor(client: Client) {
    this.#stream = client.connection.stream;
    const [listener, ...others] = this.#stream.listeners('data');
    if (listener === undefined || others.length > 0) {
      throw new Error('This version of pg does not read its socket as the tap expects.');
    }
    this.#passOn = listener.bind(this.#stream) as (bytes: Buffer) => void;
    this.#stream.removeListener('data', listener as (bytes: Buffer) => void);
    this.#stream.on('data', (bytes: Buffer) => this.#receive(bytes));
  }

  /** Takes messages of this type from now on. */
  take(type: number, takeOne: TakeMessage): void {
    this.#type = type;
    this.#takeOne = takeOne;
  }

  /** Takes messages of this type during `work`, which must be the only use of the connection. */
  async during<T>(type: number, takeOne: TakeMessage, work: () => Promise<T>): Promise<T> {
    this.take(type, takeOne);
    try {
      return await work();
    } finally {
      this.#type = undefined;
    }
  }

  #receive(bytes: Buffer): void {
    if (this.#heldBytes === 0) {
      this.#split(bytes);
      return;
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes < this.#needed) return;
    const all = Buffer.concat(this.#held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    this.#split(all);
  }

  /** Splits off the complete messages and holds the rest. */
  #split(bytes: Buffer): void {
    let at = 0;
    /** Start of the messages to pass on. */
    let others = 0;
    this.#needed = HEAD_BYTES;
    while (at + HEAD_BYTES <= bytes.length) {
      const end = at + 1 + bytes.readInt32BE(at + 1);
      if (end > bytes.length) {
        this.#needed = end - at;
        break;
      }
      if (bytes[at] === this.#type) {
        if (others < at) this.#passOn(bytes.subarray(others, at));
        this.#takeOne(bytes, at, end);
        others = end;
      }
      at = end;
    }
    if (others < at) this.#passOn(bytes.subarray(others, at));
    if (at === bytes.length) return;
    this.#held = [bytes.subarray(at)];
    this.#heldBytes = bytes.length - at;
  }
}
