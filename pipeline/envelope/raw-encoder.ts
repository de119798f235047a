import type { EncoderConfig, EventContext } from '../contract/envelope.ts';
import type { RawChange, RawRow } from '../contract/pgoutput.ts';
import type { PlacedRecord } from '../contract/records.ts';
import { type CopyValue, MOST_MORE, writeInteger } from './copy-values.ts';
import { EncodedRecord } from './placed-record.ts';
import { SOURCE_END, type SourceBlockWriter, timesJson } from './source-block.ts';

/** Room for some hundred events: one allocation, and one thing to collect, for all of them. */
const ROOM_BYTES = 256 * 1024;
/** Rows above this go the other way: their cost is in their bytes. */
const LARGEST_ROW = 32 * 1024;
/** A number of 64 bits in digits. */
const DIGITS = 20;

/** What the raw way needs to know of a column. */
export interface RawColumn {
  /** `"name":`. */
  readonly label: Buffer;
  /** JSON of NULL. */
  readonly nullJson: Buffer;
  /** Undefined: `encode` does all of them. */
  readonly copy: CopyValue | undefined;
  readonly encode: (text: string) => string;
}
export interface RawTable {
  readonly topic: string;
  readonly hasKey: boolean;
  readonly columns: readonly RawColumn[];
  /** Indexes of the primary key's columns, in its order. */
  readonly keyIndexes: readonly number[];
  /** Around the key's payload; empty under `schemas.enable=false`. */
  readonly keyHead: Buffer;
  readonly keyTail: Buffer;
  readonly valueHead: Buffer;
  readonly valueTail: Buffer;
  /** `,"schema":"…","table":"…"` of the source block. */
  readonly sourceFragment: string;
}

/**
 * The source block up to its end, the same for many events: what comes before the LSN and between its two places. All
 * rows of a snapshot have one LSN, so theirs is all in the head.
 */
interface Fragments {
  readonly head: Buffer;
  readonly middle: Buffer;
}

const BEFORE = Buffer.from('{"before":null,"after":');
const EMPTY = Buffer.alloc(0);

/** Change events from the bytes of a new row to the bytes of a record. No object is made but the record. */
export class RawEncoder {
  readonly #source: SourceBlockWriter;
  readonly #nowUs: () => bigint;
  readonly #otherHeaders: PlacedRecord['otherHeaders'];
  #room = EMPTY;
  #used = 0;
  /** Of the table and the transaction that came last. */
  #fragments: Fragments = { head: EMPTY, middle: EMPTY };
  #fragmentsOf: RawTable | undefined;
  #sourceVersion = -1;
  /** LSN that the head holds: of a snapshot. */
  #lsnOfHead: bigint | null = null;
  /** End of the source block, operation and times; by the clock's last reading. */
  #tails: Readonly<Record<RawChange['tag'], Buffer>> = { insert: EMPTY, update: EMPTY, read: EMPTY };
  #nowOfTails = -1n;

  constructor(config: EncoderConfig, source: SourceBlockWriter, otherHeaders: PlacedRecord['otherHeaders']) {
    this.#source = source;
    this.#nowUs = config.nowUs;
    this.#otherHeaders = otherHeaders;
  }

  encode(table: RawTable, change: RawChange, context: EventContext): PlacedRecord | undefined {
    const row = change.after;
    const lsn = Number(context.lsn);
    if (row.columns !== table.columns.length || row.size > LARGEST_ROW) return undefined;
    const isRead = change.tag === 'read';
    if (lsn > Number.MAX_SAFE_INTEGER || isRead === (context.snapshot === 'false')) return undefined;
    this.#prepare(table, context, isRead);
    const keyStart = this.#makeRoom(table, row);
    const keyEnd = table.hasKey ? this.#key(table, row, keyStart) : keyStart;
    if (keyEnd < 0) return undefined;
    let at = put(this.#room, keyEnd, table.valueHead);
    at = put(this.#room, at, BEFORE);
    at = this.#row(table, row, at);
    if (at < 0) return undefined;
    at = put(this.#room, at, this.#fragments.head);
    if (!isRead) {
      at = writeInteger(this.#room, at, lsn);
      at = put(this.#room, at, this.#fragments.middle);
      at = writeInteger(this.#room, at, lsn);
    }
    at = put(this.#room, at, this.#tails[change.tag]);
    const valueEnd = put(this.#room, at, table.valueTail);
    this.#used = valueEnd;
    const place = { keyStart, keyEnd, valueEnd };
    return new EncodedRecord(table, context.position, this.#otherHeaders, this.#room, place);
  }

  #prepare(table: RawTable, context: EventContext, isRead: boolean): void {
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

  /** Where the event begins, with room for all of it. */
  #makeRoom(table: RawTable, row: RawRow): number {
    const { head, middle } = this.#fragments;
    let most = table.keyHead.length + table.keyTail.length + table.valueHead.length + BEFORE.length;
    most += head.length + middle.length + this.#tails.insert.length + 2 * DIGITS + 16;
    // A key column is written twice; what `encode` makes of a text may be twice as long.
    most += 4 * row.size;
    for (const { label, nullJson } of table.columns)
      most += 2 * (label.length + nullJson.length + MOST_MORE + 1);
    if (this.#used + most > this.#room.length) {
      this.#room = Buffer.allocUnsafeSlow(Math.max(ROOM_BYTES, most));
      this.#used = 0;
    }
    return this.#used;
  }

  #key(table: RawTable, row: RawRow, start: number): number {
    let at = put(this.#room, start, table.keyHead);
    const { keyIndexes } = table;
    for (let i = 0; i < keyIndexes.length; i++) {
      const index = keyIndexes[i] as number;
      if (row.ends[index] === -1) return -1;
      this.#room[at++] = i === 0 ? 0x7b : 0x2c;
      at = this.#value(table.columns[index] as RawColumn, row, index, at);
      if (at < 0) return -1;
    }
    this.#room[at++] = 0x7d;
    return put(this.#room, at, table.keyTail);
  }

  #row(table: RawTable, row: RawRow, start: number): number {
    let at = start;
    const { columns } = table;
    for (let i = 0; i < columns.length; i++) {
      this.#room[at++] = i === 0 ? 0x7b : 0x2c;
      at = this.#value(columns[i] as RawColumn, row, i, at);
      if (at < 0) return -1;
    }
    if (columns.length === 0) this.#room[at++] = 0x7b;
    this.#room[at++] = 0x7d;
    return at;
  }

  #value(column: RawColumn, row: RawRow, index: number, start: number): number {
    const room = this.#room;
    const at = put(room, start, column.label);
    const end = row.ends[index] as number;
    if (end === -1) return put(room, at, column.nullJson);
    const from = row.starts[index] as number;
    if (column.copy !== undefined) {
      const copied = column.copy(row.bytes, from, end, room, at);
      if (copied >= 0) return copied;
    }
    return this.#encode(column, row.bytes, from, end, at);
  }

  #encode(column: RawColumn, bytes: Buffer, start: number, end: number, at: number): number {
    const text = bytes.toString('utf8', start, end);
    // Where a decoder hides damage the other way looks twice.
    if (text.includes('\ufffd')) return -1;
    const json = jsonOf(column, text);
    if (json === undefined) return -1;
    const room = 2 * (end - start) + MOST_MORE;
    if (3 * json.length > room && Buffer.byteLength(json) > room) return -1;
    return at + this.#room.write(json, at);
  }
}

/** Undefined where the Connect type cannot hold the value: the other way says so. */
function jsonOf(column: RawColumn, text: string): string | undefined {
  try {
    return column.encode(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Up to here a loop is faster than a call. */
const SHORT_BYTES = 24;

function put(to: Buffer, at: number, bytes: Buffer): number {
  const { length } = bytes;
  if (length > SHORT_BYTES) bytes.copy(to, at);
  else for (let i = 0; i < length; i++) to[at + i] = bytes[i] as number;
  return at + length;
}
