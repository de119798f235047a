// Parses the output of PostgreSQL's plugin `test_decoding` (contrib/test_decoding/test_decoding.c), one message at a time.
// Unlike pgoutput it needs no publication, so the verifier can watch a source in which it must not create anything.

import { tableId } from '../table-id.ts';

/** A column's value as the type's output function gives it; null for NULL. */
type Value = string | null | typeof UNCHANGED;

/** A TOASTed value that the change did not touch: the WAL does not contain it. */
export const UNCHANGED: unique symbol = Symbol('unchanged TOAST value');

export type Tuple = ReadonlyMap<string, Value>;

export type Message =
  /** @param xid 32 bits of the transaction's id; undefined if the plugin was told to leave it out. */
  | { readonly tag: 'begin'; readonly xid?: string }
  | { readonly tag: 'commit' }
  | {
      readonly tag: 'change';
      /** The id of the table; for a partitioned table it is the partition's. */
      readonly table: string;
      readonly op: 'INSERT' | 'UPDATE' | 'DELETE';
      /** The old row, as far as the replica identity logs it; null if nothing was logged. */
      readonly old: Tuple | null;
      readonly new: Tuple | null;
    }
  | { readonly tag: 'truncate'; readonly tables: readonly string[] }
  /** A logical message, which concerns no row. */
  | { readonly tag: 'other' };

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes the text of a message. @throws for bytes that are not UTF-8. PostgreSQL before 15 prints a "char" beyond ASCII
 * as a lone byte, and the parser could not tell which value that was.
 */
export function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new Error('a value in the stream is not UTF-8', { cause });
  }
}

/** @throws if the text is not a message of the plugin. */
export function readMessage(text: string): Message {
  if (text.startsWith('BEGIN')) {
    const xid = text.slice('BEGIN '.length);
    return xid === '' ? { tag: 'begin' } : { tag: 'begin', xid };
  }
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
    return tableId({ schema, name: this.#name(':,') });
  }

  /** Columns up to the end or to ` new-tuple:`; null if the plugin had nothing to print. */
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

  /** An identifier as `quote_identifier` prints it: quoted, or up to one of the characters in `ends`. */
  #name(ends: string): string {
    if (this.#text[this.#at] === '"') return this.#quoted('"');
    const from = this.#at;
    while (this.#at < this.#text.length && !ends.includes(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text.slice(from, this.#at);
  }

  /** The name of an array type contains brackets, and a quoted name may contain anything. */
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

  /** Text between quotes; a quote inside is doubled. */
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

  /** The error omits the text, because it contains a row's values. */
  #fail(what: string): never {
    throw new Error(`test_decoding: ${what} at ${this.#at} of a message of ${this.#text.length} characters`);
  }
}
