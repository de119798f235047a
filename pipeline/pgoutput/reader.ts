import { isUtf8 } from 'node:buffer';
import { malformed } from './malformed.ts';

/** Above this length one native call decodes faster than a loop over the bytes. */
const SHORT_BYTES = 48;

/**
 * A cursor over one message. Hot path: it is reused for every message, and short ASCII values are slices of one
 * string of the whole message, which saves a native call per column. Every read is bounds-checked, so a truncated
 * message is an error and never skipped silently.
 */
export class Reader {
  offset = 0;
  readonly #asBytes: boolean;
  #bytes: Buffer = Buffer.alloc(0);
  /** The message as Latin-1, made lazily for the first short value. */
  #latin1: string | null = null;

  /** @param asBytes Text is decoded as Latin-1, which keeps every byte; otherwise, text that is not UTF-8 is an error. */
  constructor(asBytes = false) {
    this.#asBytes = asBytes;
  }

  reset(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#latin1 = null;
    this.offset = 0;
  }

  /** Drops the message, so that the reader does not keep its memory. */
  release(): void {
    this.reset(EMPTY);
  }

  get remaining(): number {
    return this.#bytes.length - this.offset;
  }

  uint8(what: string): number {
    const at = this.#advance(1, what);
    return this.#bytes[at] as number;
  }

  uint16(what: string): number {
    const at = this.#advance(2, what);
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  uint32(what: string): number {
    return this.int32(what) >>> 0;
  }

  int32(what: string): number {
    const at = this.#advance(4, what);
    const bytes = this.#bytes;
    return (
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
    );
  }

  uint64(what: string): bigint {
    return this.#bytes.readBigUInt64BE(this.#advance(8, what));
  }

  int64(what: string): bigint {
    return this.#bytes.readBigInt64BE(this.#advance(8, what));
  }

  /** A string that ends with a zero byte. */
  string(what: string): string {
    const end = this.#bytes.indexOf(0, this.offset);
    if (end < 0) throw malformed(`${what} has no end`, this.#bytes);
    const text = this.text(end - this.offset, what);
    this.offset += 1;
    return text;
  }

  /** `length` bytes of UTF-8. */
  text(length: number, what: string): string {
    const start = this.#advance(length, what);
    const end = start + length;
    const bytes = this.#bytes;
    if (length <= SHORT_BYTES) {
      let at = start;
      while (at < end && (bytes[at] as number) < 0x80) at += 1;
      if (at === end) {
        this.#latin1 ??= bytes.toString('latin1');
        return this.#latin1.slice(start, end);
      }
    }
    if (this.#asBytes) return bytes.toString('latin1', start, end);
    const text = bytes.toString('utf8', start, end);
    // A decoder replaces damage by U+FFFD, so only text that contains it has to be checked.
    if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) {
      throw malformed(`${what} is not UTF-8`, bytes);
    }
    return text;
  }

  /** `length` bytes, copied. */
  bytes(length: number, what: string): Buffer {
    const start = this.#advance(length, what);
    return Buffer.from(this.#bytes.subarray(start, start + length));
  }

  /** @throws if bytes are left over. */
  end(): void {
    if (this.remaining !== 0) throw malformed(`${this.remaining} bytes are left over`, this.#bytes);
  }

  fail(problem: string): never {
    throw malformed(problem, this.#bytes);
  }

  #advance(length: number, what: string): number {
    const at = this.offset;
    if (length < 0) throw malformed(`${what} has a negative length`, this.#bytes);
    if (at + length > this.#bytes.length) throw malformed(`${what} is cut short`, this.#bytes);
    this.offset = at + length;
    return at;
  }
}

const EMPTY = Buffer.alloc(0);
