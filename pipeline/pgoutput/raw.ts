import { int32 } from '../contract/bytes.ts';
import type { FastChange, ReadFastChange } from '../contract/pgoutput.ts';

/** PostgreSQL's `MaxTupleAttributeNumber`. */
const MOST_COLUMNS = 1_664;
const INSERT = 0x49;
const UPDATE = 0x55;
const NEW_TUPLE = 0x4e;
const TEXT = 0x74;
const NULL = 0x6e;
const EMPTY: Buffer = Buffer.alloc(0);

/** One object for all messages: what is read of one is used before the next. */
const change = {
  tag: 'insert' as FastChange['tag'],
  relationOid: 0,
  after: {
    bytes: EMPTY,
    size: 0,
    columns: 0,
    starts: new Int32Array(MOST_COLUMNS),
    ends: new Int32Array(MOST_COLUMNS),
  },
};

/**
 * Finds the columns of a new row without making text of them. Every length is checked against the message; whatever
 * is not as it should be is left to the decoder, which says so.
 */
export const readFastChange: ReadFastChange = (bytes, start = 0, end = bytes.length) => {
  const type = bytes[start];
  if (end - start < 8 || (type !== INSERT && type !== UPDATE) || bytes[start + 5] !== NEW_TUPLE) {
    return undefined;
  }
  const { after } = change;
  const { starts, ends } = after;
  const columns = ((bytes[start + 6] as number) << 8) | (bytes[start + 7] as number);
  if (columns > MOST_COLUMNS) return undefined;
  let at = start + 8;
  for (let i = 0; i < columns; i++) {
    const kind = bytes[at++];
    if (kind === NULL) {
      ends[i] = -1;
      continue;
    }
    if (kind !== TEXT || at + 4 > end) return undefined;
    const size = int32(bytes, at);
    const valueEnd = at + 4 + size;
    if (size < 0 || valueEnd > end) return undefined;
    starts[i] = at + 4;
    ends[i] = valueEnd;
    at = valueEnd;
  }
  if (at !== end) return undefined;
  change.tag = type === INSERT ? 'insert' : 'update';
  change.relationOid = int32(bytes, start + 1) >>> 0;
  after.bytes = bytes;
  after.size = end - start;
  after.columns = columns;
  return change;
};
