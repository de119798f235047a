/**
 * Reads what the output plugin `test_decoding` prints (contrib/test_decoding/test_decoding.c), one message at a time.
 * It needs no publication, so that a verifier can watch a source in which it may create nothing.
 */

/** A column's value as the type's output function gives it; null for NULL. */
type Value = string | null | typeof UNCHANGED;

/** A TOASTed value that the change did not touch: it is not in the WAL. */
export const UNCHANGED: unique symbol = Symbol('unchanged TOAST value');

export type Tuple = ReadonlyMap<string, Value>;

export type Message =
  | { readonly tag: 'begin' }
  | { readonly tag: 'commit' }
  | {
      readonly tag: 'change';
      /** `schema.table`, unquoted: a partition where the table is partitioned. */
      readonly table: string;
      readonly op: 'INSERT' | 'UPDATE' | 'DELETE';
      /** What the replica identity says of the old row; null where nothing was logged. */
      readonly old: Tuple | null;
      readonly new: Tuple | null;
    }
  | { readonly tag: 'truncate'; readonly tables: readonly string[] }
  /** A logical message: no row. */
  | { readonly tag: 'other' };

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of a message. @throws for bytes of no character, as PostgreSQL before 15 prints of a "char": what such a
 * value was cannot be told.
 */
export function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new Error('a value in the stream is not UTF-8', { cause });
  }
}

/** @throws where the text is none of the plugin's messages. */
export function readMessage(text: string): Message {
  if (text.startsWith('BEGIN')) return { tag: 'begin' };
  if (text.startsWith('COMMIT')) return { tag: 'commit' };
  if (text.startsWith('message:')) return { tag: 'other' };
  const reader = new Reader(text);
  reader.expect('table ');
  const tables = [reader.qualifiedName()];
  while (reader.take(', ')) tables.push(reader.qualifiedName());
  reader.expect(': ');
  if (reader.take('TRUNCATE:')) return { tag: 'truncate', tables };
  const table = tables[0] ?? '';
  if (reader.take('INSERT:')) return { tag: 'change', table, op: 'INSERT', old: null, new: reader.tuple() };
  if (reader.take('DELETE:')) return { tag: 'change', table, op: 'DELETE', old: reader.tuple(), new: null };
  reader.expect('UPDATE:');
  const old = reader.take(' old-key:') ? reader.tuple() : null;
  if (old !== null) reader.expect(' new-tuple:');
  return { tag: 'change', table, op: 'UPDATE', old, new: reader.tuple() };
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  expect(word: string): void {
    if (!this.take(word)) this.#fail(`${JSON.stringify(word)} expected`);
  }

  qualifiedName(): string {
    const schema = this.#name('.');
    this.expect('.');
    return `${schema}.${this.#name(':,')}`;
  }

  /** Columns up to the end, or up to ` new-tuple:`; null where the plugin had nothing to print. */
  tuple(): Tuple | null {
    if (this.take(' (no-tuple-data)')) return null;
    const columns = new Map<string, Value>();
    while (this.#at < this.#text.length && !this.#text.startsWith(' new-tuple:', this.#at)) {
      this.expect(' ');
      const name = this.#name('[');
      this.expect('[');
      this.#skipType();
      columns.set(name, this.#value());
    }
    return columns;
  }

  /** An identifier as `quote_identifier` prints it, up to one of the ends where it is not quoted. */
  #name(ends: string): string {
    if (this.#text[this.#at] === '"') return this.#quoted('"');
    const from = this.#at;
    while (this.#at < this.#text.length && !ends.includes(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text.slice(from, this.#at);
  }

  /** A type's name holds brackets where it is an array's, and anything where it is quoted. */
  #skipType(): void {
    while (!this.take(']:')) {
      const char = this.#text[this.#at];
      if (char === undefined) this.#fail('a type expected');
      if (char === '"') this.#quoted('"');
      else if (!this.take('[]')) this.#at++;
    }
  }

  #value(): Value {
    const char = this.#text[this.#at];
    if (char === "'") return this.#quoted("'");
    if (char === 'B' && this.#text[this.#at + 1] === "'") {
      this.#at++;
      return this.#quoted("'");
    }
    const from = this.#at;
    while (this.#at < this.#text.length && this.#text[this.#at] !== ' ') this.#at++;
    const word = this.#text.slice(from, this.#at);
    if (word === 'null') return null;
    return word === 'unchanged-toast-datum' ? UNCHANGED : word;
  }

  /** Text between quotes, with doubled ones inside. */
  #quoted(quote: string): string {
    let text = '';
    for (let from = this.#at + 1; ; ) {
      const end = this.#text.indexOf(quote, from);
      if (end < 0) this.#fail('an end of the quotes expected');
      text += this.#text.slice(from, end);
      this.#at = end + 1;
      if (this.#text[this.#at] !== quote) return text;
      text += quote;
      from = this.#at + 1;
    }
  }

  /** The text itself is left out: it holds values. */
  #fail(what: string): never {
    throw new Error(`test_decoding: ${what} at ${this.#at} of a message of ${this.#text.length} characters`);
  }
}
