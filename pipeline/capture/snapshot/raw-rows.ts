import { int32 } from '../../contract/bytes.ts';
import type { FastRow } from '../../contract/pgoutput.ts';

/** Bytes of a DataRow message before its columns: type, length and number of columns. */
const HEAD_BYTES = 7;

export const NO_ROW: FastRow = {
  bytes: Buffer.alloc(0),
  size: 0,
  columns: 0,
  starts: new Int32Array(0),
  ends: new Int32Array(0),
};

/** Rows as the server sent them, for the fast path: DataRow messages with values as text, in the socket's buffers. */
export class RawRows {
  /** The buffer of each row, and the start of its message in it. */
  readonly #buffers: Buffer[] = [];
  readonly #starts: number[] = [];
  /** One object for all rows: a row is used before the next one is read. */
  readonly #row: Writable<FastRow> = { ...NO_ROW };

  get length(): number {
    return this.#starts.length;
  }

  /** Adds the message that starts at `buffer[start]`. The buffer must hold all of it. */
  add(buffer: Buffer, start: number): void {
    this.#buffers.push(buffer);
    this.#starts.push(start);
  }

  /** The row at an index, valid until the next call. @throws if its lengths are inconsistent. */
  at(index: number): FastRow {
    const row = this.#row;
    const bytes = this.#buffers[index] as Buffer;
    const start = this.#starts[index] as number;
    const messageEnd = start + 1 + bytes.readInt32BE(start + 1);
    const columns = bytes.readInt16BE(start + 5);
    if (columns > row.ends.length) {
      row.starts = new Int32Array(columns);
      row.ends = new Int32Array(columns);
    }
    let at = start + HEAD_BYTES;
    for (let i = 0; i < columns; i++) {
      const size = int32(bytes, at);
      at += 4;
      row.starts[i] = at;
      if (size >= 0) at += size;
      row.ends[i] = size >= 0 ? at : -1;
      if (size < -1 || at > messageEnd) break;
    }
    if (at !== messageEnd)
      throw new Error(`Row ${index} of a snapshot's chunk does not have the length of its columns.`);
    row.bytes = bytes;
    row.size = messageEnd - start;
    row.columns = columns;
    return row;
  }

  /** The row's values as text. */
  texts(index: number): (string | null)[] {
    const { bytes, columns, starts, ends } = this.at(index);
    return Array.from({ length: columns }, (_, i) => {
      const end = ends[i] as number;
      return end === -1 ? null : bytes.toString('utf8', starts[i], end);
    });
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
