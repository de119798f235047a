import { parseJson } from './json.ts';

/** Always the same object is thrown: a stack trace for each record off the fast path would cost more than its parse. */
export const OFF_FAST_PATH = new Error('this JSON does not have the form that the fast path reads');

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const DEL = 0x7f;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');
/** The characters that may follow a backslash; `u` is left to the slow path. */
const ESCAPES = new Set(Buffer.from('"\\/bfnrt'));
/** A whole number of up to this many digits is exact in a double. */
const EXACT_DIGITS = 15;

/**
 * The fast path's JSON reader: it makes only the values that its caller uses, and looks at every byte once.
 *
 * It is stricter than `JSON.parse`: it accepts no white space between tokens, as neither our capture nor Debezium writes
 * any. On anything else every method throws {@link OFF_FAST_PATH}, which does not mean that the bytes are not JSON: the
 * slow path decides that.
 */
export class FastPathScanner {
  at = 0;
  #bytes: Buffer = NULL;

  /** Starts reading these bytes at offset `at`. */
  start(bytes: Buffer, at: number): void {
    this.#bytes = bytes;
    this.at = at;
  }

  /** True if everything has been read. */
  get isAtEnd(): boolean {
    return this.at === this.#bytes.length;
  }

  /** Reads exactly these bytes. */
  expect(literal: Uint8Array): void {
    if (!this.skips(literal)) throw OFF_FAST_PATH;
  }

  /** Reads these bytes if they come next. */
  skips(literal: Uint8Array): boolean {
    const bytes = this.#bytes;
    const { at } = this;
    for (let i = 0; i < literal.length; i++) {
      if (bytes[at + i] !== literal[i]) return false;
    }
    this.at = at + literal.length;
    return true;
  }

  /** Reads the next value; the same value that `parseJson` returns. */
  value(): unknown {
    const first = this.#bytes[this.at];
    switch (first) {
      case QUOTE:
        return this.#string();
      case 0x74:
        this.expect(TRUE);
        return true;
      case 0x66:
        this.expect(FALSE);
        return false;
      case 0x6e:
        this.expect(NULL);
        return null;
      case OPEN_OBJECT:
      case OPEN_ARRAY: {
        const start = this.at;
        this.skipValue();
        return parseJson(this.#bytes.toString('utf8', start, this.at), 'all');
      }
      default:
        return this.#number();
    }
  }

  /** Reads a value of any kind without making it. */
  skipValue(): void {
    const first = this.#bytes[this.at];
    switch (first) {
      case QUOTE:
        this.#skipString();
        return;
      case 0x74:
        this.expect(TRUE);
        return;
      case 0x66:
        this.expect(FALSE);
        return;
      case 0x6e:
        this.expect(NULL);
        return;
      case OPEN_OBJECT:
        this.#skipMembers(CLOSE_OBJECT);
        return;
      case OPEN_ARRAY:
        this.#skipMembers(CLOSE_ARRAY);
        return;
      default:
        this.#skipNumber();
    }
  }

  #skipMembers(close: number): void {
    const bytes = this.#bytes;
    this.at++;
    if (bytes[this.at] === close) {
      this.at++;
      return;
    }
    for (;;) {
      if (close === CLOSE_OBJECT) {
        this.#skipString();
        if (bytes[this.at++] !== 0x3a) throw OFF_FAST_PATH;
      }
      this.skipValue();
      const next = bytes[this.at++];
      if (next === close) return;
      if (next !== COMMA) throw OFF_FAST_PATH;
    }
  }

  #string(): string {
    const bytes = this.#bytes;
    const start = this.at + 1;
    let seen = 0;
    for (let i = start; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (byte === QUOTE) {
        this.at = i + 1;
        return bytes.toString(seen > DEL ? 'utf8' : 'latin1', start, i);
      }
      if (byte === BACKSLASH) return this.#escapedString();
      if (byte < SPACE) throw OFF_FAST_PATH;
      seen |= byte;
    }
    throw OFF_FAST_PATH;
  }

  #escapedString(): string {
    const start = this.at;
    this.#skipString();
    return JSON.parse(this.#bytes.toString('utf8', start, this.at)) as string;
  }

  #skipString(): void {
    const bytes = this.#bytes;
    if (bytes[this.at] !== QUOTE) throw OFF_FAST_PATH;
    for (let i = this.at + 1; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (byte === QUOTE) {
        this.at = i + 1;
        return;
      }
      if (byte === BACKSLASH) {
        if (!ESCAPES.has(bytes[++i] ?? 0)) throw OFF_FAST_PATH;
      } else if (byte < SPACE) throw OFF_FAST_PATH;
    }
    throw OFF_FAST_PATH;
  }

  #number(): number {
    const bytes = this.#bytes;
    const start = this.at;
    this.#skipNumber();
    const isNegative = bytes[start] === MINUS;
    const first = isNegative ? start + 1 : start;
    let number = 0;
    let i = first;
    for (; i < this.at; i++) {
      const digit = (bytes[i] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    if (i === this.at && i - first <= EXACT_DIGITS) return isNegative ? -number : number;
    const exact = Number(bytes.toString('latin1', start, this.at));
    if (Number.isInteger(exact) && !Number.isSafeInteger(exact)) throw OFF_FAST_PATH;
    return exact;
  }

  /** The grammar of RFC 8259, section 6. */
  #skipNumber(): void {
    const bytes = this.#bytes;
    if (bytes[this.at] === MINUS) this.at++;
    if (bytes[this.at] === ZERO) this.at++;
    else this.#skipDigits();
    if (bytes[this.at] === POINT) {
      this.at++;
      this.#skipDigits();
    }
    if (((bytes[this.at] ?? 0) | 0x20) === 0x65) {
      this.at++;
      const sign = bytes[this.at];
      if (sign === MINUS || sign === 0x2b) this.at++;
      this.#skipDigits();
    }
  }

  #skipDigits(): void {
    const bytes = this.#bytes;
    const start = this.at;
    let i = start;
    for (;;) {
      const byte = bytes[i];
      if (byte === undefined || byte < ZERO || byte > NINE) break;
      i++;
    }
    if (i === start) throw OFF_FAST_PATH;
    this.at = i;
  }
}
