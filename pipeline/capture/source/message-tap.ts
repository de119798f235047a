import type { Client } from 'pg';

/** Types of messages: manual, "Message Formats". */
export const DATA_ROW = 0x44; // 'D'
export const COPY_DATA = 0x64; // 'd'
/** Type and length of a message. */
export const HEAD_BYTES = 5;

/** The message is `bytes[start … end)`, head and all; the buffer is not used again. */
export type TakeMessage = (bytes: Buffer, start: number, end: number) => void;

/**
 * Takes the messages of one type off a connection before `pg` makes an object of each. All others go on to `pg`, in
 * their order, so that a query's parameters, its end and its errors are handled there as ever.
 */
export class MessageTap {
  readonly #stream: NodeJS.EventEmitter;
  readonly #handOn: (bytes: Buffer) => void;
  #type: number | undefined;
  #takeOne: TakeMessage = () => {};
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

  /** From now on. */
  take(type: number, takeOne: TakeMessage): void {
    this.#type = type;
    this.#takeOne = takeOne;
  }

  /** While something is done, the only thing on the connection. */
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

  /** Deals with whole messages, and holds what is left. */
  #split(bytes: Buffer): void {
    let at = 0;
    /** Where messages begin that are to be handed on. */
    let others = 0;
    this.#needed = HEAD_BYTES;
    while (at + HEAD_BYTES <= bytes.length) {
      const end = at + 1 + bytes.readInt32BE(at + 1);
      if (end > bytes.length) {
        this.#needed = end - at;
        break;
      }
      if (bytes[at] === this.#type) {
        if (others < at) this.#handOn(bytes.subarray(others, at));
        this.#takeOne(bytes, at, end);
        others = end;
      }
      at = end;
    }
    if (others < at) this.#handOn(bytes.subarray(others, at));
    if (at === bytes.length) return;
    this.#held = [bytes.subarray(at)];
    this.#heldBytes = bytes.length - at;
  }
}
