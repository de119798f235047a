import { int32 } from '../contract/bytes.ts';
import type { RawChange, ReadRawChange } from '../contract/pgoutput.ts';

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
  tag: 'insert' as RawChange['tag'],
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
export const readRawChange: ReadRawChange = (payload) => {
  const length = payload.length;
  const type = payload[0];
  if (length < 8 || (type !== INSERT && type !== UPDATE) || payload[5] !== NEW_TUPLE) return undefined;
  const { after } = change;
  const { starts, ends } = after;
  const columns = ((payload[6] as number) << 8) | (payload[7] as number);
  if (columns > MOST_COLUMNS) return undefined;
  let at = 8;
  for (let i = 0; i < columns; i++) {
    const kind = payload[at++];
    if (kind === NULL) {
      ends[i] = -1;
      continue;
    }
    if (kind !== TEXT || at + 4 > length) return undefined;
    const size = int32(payload, at);
    const end = at + 4 + size;
    if (size < 0 || end > length) return undefined;
    starts[i] = at + 4;
    ends[i] = end;
    at = end;
  }
  if (at !== length) return undefined;
  change.tag = type === INSERT ? 'insert' : 'update';
  change.relationOid = int32(payload, 1) >>> 0;
  after.bytes = payload;
  after.size = length;
  after.columns = columns;
  return change;
};
