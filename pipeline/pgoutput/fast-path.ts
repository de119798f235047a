import { int32 } from '../contract/bytes.ts';
import type { FastChange, ReadFastChange } from '../contract/pgoutput.ts';

/** PostgreSQL's `MaxTupleAttributeNumber`. */
const MOST_COLUMNS = 1_664;
const INSERT = 0x49;
const UPDATE = 0x55;
const NEW_TUPLE = 0x4e;
const TEXT = 0x74;
const NULL = 0x6e;

/**
 * The fast path: a reader that finds the columns of a new row without making text of them. It checks every length
 * against the message. It returns undefined for every message that it does not expect, and the decoder then reads the
 * message or reports the damage. All changes of a reader share one object: use a change before the next call.
 */
export function createFastReader(): ReadFastChange {
  const after = {
    bytes: Buffer.alloc(0) as Buffer,
    size: 0,
    columns: 0,
    starts: new Int32Array(MOST_COLUMNS),
    ends: new Int32Array(MOST_COLUMNS),
  };
  const change = { tag: 'insert' as FastChange['tag'], relationOid: 0, after };
  const { starts, ends } = after;
  return (bytes, start = 0, end = bytes.length) => {
    const type = bytes[start];
    if (end - start < 8 || (type !== INSERT && type !== UPDATE) || bytes[start + 5] !== NEW_TUPLE) {
      return undefined;
    }
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
}
