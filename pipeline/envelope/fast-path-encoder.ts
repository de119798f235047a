import type { EncoderConfig, EventContext } from '../contract/envelope.ts';
import type { FastChange, FastRow } from '../contract/pgoutput.ts';
import type { FastRecord } from '../contract/records.ts';
import { SharedBufferRecord } from './fast-path-record.ts';
import { SharedBuffer, SharedBuffers } from './shared-buffers.ts';
import { SOURCE_END, type SourceBlockWriter, timesJson } from './source-block.ts';
import { type CopyValue, MOST_MORE, writeInteger } from './types/fast-path-values.ts';

/** Larger rows go the slow path: their cost is in their bytes anyway. */
const LARGEST_ROW_BYTES = 32 * 1024;
/** Digits of a 64-bit number, at most. */
const DIGITS = 20;

/** What the fast path needs to know about a column. */
export interface FastPathColumn {
  /** `"name":`. */
  readonly label: Buffer;
  /** JSON that is written for NULL; empty if the column is NOT NULL: the slow path handles such a row. */
  readonly nullJson: Buffer;
  /** JSON that a reader could take for the placeholder: the slow path marks the event. */
  readonly lookalikes: readonly string[];
  /** The one of them that `copy` can write. */
  readonly copiedLookalike: Buffer;
  /** Undefined: every value goes through `encode`. */
  readonly copy: CopyValue | undefined;
  readonly encode: (text: string) => string;
}
/** What the fast path needs to know about a table. */
export interface FastPathTable {
  readonly topic: string;
  readonly hasKey: boolean;
  readonly columns: readonly FastPathColumn[];
  /** Indexes of the primary key's columns, in its order. */
  readonly keyIndexes: readonly number[];
  /** JSON before and after the key's payload; empty with `schemas.enable=false`. */
  readonly keyHead: Buffer;
  readonly keyTail: Buffer;
  /** JSON before and after the value's payload. */
  readonly valueHead: Buffer;
  readonly valueTail: Buffer;
  /** `,"schema":"…","table":"…"` of the source block. */
  readonly sourceFragment: string;
}

/**
 * The source block up to its end, shared by many events. It contains the LSN twice. All rows of a snapshot have the
 * same LSN, so there the whole block is in `head`.
 */
interface SourceFragments {
  /** Everything before the first LSN. */
  readonly head: Buffer;
  /** Everything between the two. */
  readonly middle: Buffer;
}

const BEFORE = Buffer.from('{"before":null,"after":');
const EMPTY = Buffer.alloc(0);

/** Fast path: the bytes of a new row → the bytes of a record. The record is the only object that is made. */
export class FastPathEncoder {
  readonly #source: SourceBlockWriter;
  readonly #nowUs: () => bigint;
  readonly #otherHeaders: FastRecord['otherHeaders'];
  readonly #buffers = new SharedBuffers();
  /** Where the current event is written. */
  #shared = new SharedBuffer(EMPTY, () => {});
  #buffer = this.#shared.bytes;
  /** Those of the last event's table and transaction. */
  #fragments: SourceFragments = { head: EMPTY, middle: EMPTY };
  #fragmentsOf: FastPathTable | undefined;
  #sourceVersion = -1;
  /** LSN in `#fragments.head` if the last event was a snapshot's row, else null. */
  #lsnOfHead: bigint | null = null;
  /** End of the source block, operation and times, for the clock's last reading. */
  #tails: Readonly<Record<FastChange['tag'], Buffer>> = { insert: EMPTY, update: EMPTY, read: EMPTY };
  #nowOfTails = -1n;

  constructor(config: EncoderConfig, source: SourceBlockWriter, otherHeaders: FastRecord['otherHeaders']) {
    this.#source = source;
    this.#nowUs = config.nowUs;
    this.#otherHeaders = otherHeaders;
  }

  /** Undefined: fall back to the slow path. The context is not kept. */
  encode(table: FastPathTable, change: FastChange, context: EventContext): FastRecord | undefined {
    const row = change.after;
    const lsn = Number(context.lsn);
    if (row.columns !== table.columns.length || row.size > LARGEST_ROW_BYTES) return undefined;
    const isRead = change.tag === 'read';
    if (lsn > Number.MAX_SAFE_INTEGER || isRead === (context.snapshot === 'false')) return undefined;
    this.#prepare(table, context, isRead);
    const keyStart = this.#reserve(table, row);
    const keyEnd = table.hasKey ? this.#key(table, row, keyStart) : keyStart;
    if (keyEnd < 0) return undefined;
    let at = put(this.#buffer, keyEnd, table.valueHead);
    at = put(this.#buffer, at, BEFORE);
    at = this.#row(table, row, at);
    if (at < 0) return undefined;
    at = put(this.#buffer, at, this.#fragments.head);
    if (!isRead) {
      at = writeInteger(this.#buffer, at, lsn);
      at = put(this.#buffer, at, this.#fragments.middle);
      at = writeInteger(this.#buffer, at, lsn);
    }
    at = put(this.#buffer, at, this.#tails[change.tag]);
    const valueEnd = put(this.#buffer, at, table.valueTail);
    const place = { keyStart, keyEnd, valueEnd };
    return new SharedBufferRecord(table, context.position, this.#otherHeaders, this.#shared, place);
  }

  #prepare(table: FastPathTable, context: EventContext, isRead: boolean): void {
    const version = this.#source.prepare(context);
    const lsnOfHead = isRead ? context.lsn : null;
    if (version !== this.#sourceVersion || table !== this.#fragmentsOf || lsnOfHead !== this.#lsnOfHead) {
      const { head, middle } = isRead
        ? { head: this.#source.write(context, table.sourceFragment).slice(0, -SOURCE_END.length), middle: '' }
        : this.#source.around(table.sourceFragment);
      this.#fragments = { head: Buffer.from(`,"source":${head}`), middle: Buffer.from(middle) };
      this.#sourceVersion = version;
      this.#fragmentsOf = table;
      this.#lsnOfHead = lsnOfHead;
    }
    const now = this.#nowUs();
    if (now === this.#nowOfTails) return;
    this.#nowOfTails = now;
    const tail = (op: string) =>
      Buffer.from(`${SOURCE_END},"transaction":null,"op":"${op}",${timesJson(now)}}`);
    this.#tails = { insert: tail('c'), update: tail('u'), read: tail('r') };
  }

  /** Makes sure that the buffer has room for the event. @returns where the event begins. */
  #reserve(table: FastPathTable, row: FastRow): number {
    const { head, middle } = this.#fragments;
    let most = table.keyHead.length + table.keyTail.length + table.valueHead.length + BEFORE.length;
    most += head.length + middle.length + this.#tails.insert.length + 2 * DIGITS + 16;
    // Twice for a key column, which is also in the value, and twice for what `encode` may add.
    most += 4 * row.size;
    for (const { label, nullJson } of table.columns)
      most += 2 * (label.length + nullJson.length + MOST_MORE + 1);
    this.#shared = this.#buffers.withRoom(most);
    this.#buffer = this.#shared.bytes;
    return this.#shared.used;
  }

  #key(table: FastPathTable, row: FastRow, start: number): number {
    let at = put(this.#buffer, start, table.keyHead);
    const { keyIndexes } = table;
    for (let i = 0; i < keyIndexes.length; i++) {
      const index = keyIndexes[i] as number;
      if (row.ends[index] === -1) return -1;
      this.#buffer[at++] = i === 0 ? 0x7b : 0x2c;
      at = this.#value(table.columns[index] as FastPathColumn, row, index, at);
      if (at < 0) return -1;
    }
    this.#buffer[at++] = 0x7d;
    return put(this.#buffer, at, table.keyTail);
  }

  #row(table: FastPathTable, row: FastRow, start: number): number {
    let at = start;
    const { columns } = table;
    for (let i = 0; i < columns.length; i++) {
      this.#buffer[at++] = i === 0 ? 0x7b : 0x2c;
      at = this.#value(columns[i] as FastPathColumn, row, i, at);
      if (at < 0) return -1;
    }
    if (columns.length === 0) this.#buffer[at++] = 0x7b;
    this.#buffer[at++] = 0x7d;
    return at;
  }

  #value(column: FastPathColumn, row: FastRow, index: number, start: number): number {
    const buffer = this.#buffer;
    const at = put(buffer, start, column.label);
    const end = row.ends[index] as number;
    if (end === -1) return column.nullJson.length === 0 ? -1 : put(buffer, at, column.nullJson);
    const from = row.starts[index] as number;
    if (column.copy !== undefined) {
      const copied = column.copy(row.bytes, from, end, buffer, at);
      if (copied >= 0) return isAt(buffer, at, copied, column.copiedLookalike) ? -1 : copied;
    }
    return this.#encode(column, row.bytes, from, end, at);
  }

  #encode(column: FastPathColumn, bytes: Buffer, start: number, end: number, at: number): number {
    const text = bytes.toString('utf8', start, end);
    // Perhaps damaged bytes that the decoder replaced: the slow path finds out.
    if (text.includes('\ufffd')) return -1;
    const json = jsonOf(column, text);
    if (json === undefined || column.lookalikes.includes(json)) return -1;
    const reserved = 2 * (end - start) + MOST_MORE;
    // A UTF-16 unit takes at most 3 bytes of UTF-8, so most texts need no count.
    if (3 * json.length > reserved && Buffer.byteLength(json) > reserved) return -1;
    return at + this.#buffer.write(json, at);
  }
}

/** Undefined if the Connect type cannot hold the value: the slow path reports it. */
function jsonOf(column: FastPathColumn, text: string): string | undefined {
  try {
    return column.encode(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** True if these bytes are at `at … end`. Nearly always their length already differs. */
function isAt(buffer: Buffer, at: number, end: number, bytes: Buffer): boolean {
  return end - at === bytes.length && buffer.compare(bytes, 0, bytes.length, at, end) === 0;
}

/** Up to this length a loop is faster than a call of `copy`. */
const SHORT_BYTES = 24;

function put(to: Buffer, at: number, bytes: Buffer): number {
  const { length } = bytes;
  if (length > SHORT_BYTES) bytes.copy(to, at);
  else for (let i = 0; i < length; i++) to[at + i] = bytes[i] as number;
  return at + length;
}
