import { int32 } from '../../contract/bytes.ts';
import type { FastRow } from '../../contract/pgoutput.ts';

/** Before the columns of a DataRow message: its type, its length and their number. */
const HEAD_BYTES = 7;

export const NO_ROW: FastRow = {
  bytes: Buffer.alloc(0),
  size: 0,
  columns: 0,
  starts: new Int32Array(0),
  ends: new Int32Array(0),
};

/** Rows as the server sent them: DataRow messages with values in text form, in the socket's own buffers. */
export class RawRows {
  /** Of each row the buffer that holds it, and where its message begins. */
  readonly #buffers: Buffer[] = [];
  readonly #starts: number[] = [];
  /** One object for all rows: what is read of one is used before the next. */
  readonly #row: Writable<FastRow> = { ...NO_ROW };

  get length(): number {
    return this.#starts.length;
  }

  /** Adds the message that begins at `buffer[start]` and is in there as a whole. */
  add(buffer: Buffer, start: number): void {
    this.#buffers.push(buffer);
    this.#starts.push(start);
  }

  /** The row at an index, until the next call. @throws on lengths that do not fit together. */
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
      throw new Error(`Row ${index} of a snapshot's chunk is not as long as its columns.`);
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
