import { compressionsAlgorithms, crc32c, Writer } from '@platformatic/kafka';
import { POSITION_HEADER } from '../../contract/position.ts';
import { type FastRecord, isFastRecord, type ProducedRecord } from '../../contract/records.ts';
import type { Compression } from '../config/source-config.ts';

/** What a batch says about its producer and itself, beside its records. */
export interface BatchHead {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Sequence number of the first record: KIP-98. */
  readonly firstSequence: number;
  readonly timestampMs: number;
  readonly compression: Compression;
}

/** Bytes before the records. */
const HEAD_BYTES = 61;
/** The checksum covers everything from here to the end. */
const CHECKED_FROM = 21;
const MAGIC = 2;
const NO_ROOM = Buffer.alloc(0);

/**
 * A record batch, format version 2, as a broker appends it to its log: Kafka's documentation, "Record Batch".
 * Hot path: the records' bytes are copied once, into one buffer, and no object is made per record.
 * The batch starts at the beginning of `room` if that is certainly large enough, else it gets a new buffer.
 */
export function encodeRecordBatch(
  records: readonly ProducedRecord[],
  head: BatchHead,
  room: Buffer = NO_ROOM,
): Buffer {
  let bound = HEAD_BYTES;
  for (let i = 0; i < records.length; i++) bound += boundOf(records[i] as ProducedRecord);
  let batch = bound <= room.length ? room : Buffer.allocUnsafe(bound);
  let end = HEAD_BYTES;
  for (let i = 0; i < records.length; i++) end = writeRecord(batch, end, i, records[i] as ProducedRecord);
  if (head.compression !== 'none') {
    const small = compressionsAlgorithms[head.compression].compressSync(batch.subarray(HEAD_BYTES, end));
    end = HEAD_BYTES + small.length;
    if (end > batch.length) batch = Buffer.allocUnsafe(end);
    batch.set(small, HEAD_BYTES);
  }
  batch = batch.subarray(0, end);
  const timestamp = BigInt(head.timestampMs);
  batch.writeBigInt64BE(0n, 0); // base offset: the broker sets it
  batch.writeInt32BE(end - 12, 8); // length of the rest
  batch.writeInt32BE(-1, 12); // leader epoch: the broker sets it, too
  batch[16] = MAGIC;
  batch.writeInt16BE(compressionsAlgorithms[head.compression].bitmask, 21);
  batch.writeInt32BE(records.length - 1, 23); // last offset delta
  batch.writeBigInt64BE(timestamp, 27); // of the first record
  batch.writeBigInt64BE(timestamp, 35); // the latest
  batch.writeBigInt64BE(head.producerId, 43);
  batch.writeInt16BE(head.producerEpoch, 51);
  batch.writeInt32BE(head.firstSequence, 53);
  batch.writeInt32BE(records.length, 57);
  // The library's function copies a plain buffer, but not a wrapped one.
  const { dynamicBuffer } = Writer.create().append(batch.subarray(CHECKED_FROM));
  batch.writeUInt32BE(crc32c(dynamicBuffer), 17);
  return batch;
}

/** The sequence number `count` records later. It wraps to 0 after 2,147,483,647, as Kafka's does. */
export function nextSequence(sequence: number, count: number): number {
  return (sequence + count) % 2 ** 31;
}

/** Most bytes of a variable-length 32-bit number. */
const VARINT = 5;

function boundOf(record: ProducedRecord): number {
  if (isFastRecord(record)) return boundOfFast(record);
  const { key, value, headers } = record;
  let bytes = 6 * VARINT + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of headers) bytes += 2 * VARINT + 3 * (name.length + text.length);
  return bytes;
}

function writeRecord(to: Buffer, start: number, offsetDelta: number, record: ProducedRecord): number {
  if (isFastRecord(record)) return writeFast(to, start, offsetDelta, record);
  const { key, value, headers } = record;
  let size =
    2 + sizeOfVarint(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value) + sizeOfVarint(headers.size);
  for (const [name, text] of headers) {
    const nameBytes = Buffer.byteLength(name);
    const textBytes = typeof text === 'string' ? Buffer.byteLength(text) : text.length;
    size += sizeOfVarint(nameBytes) + nameBytes + sizeOfVarint(textBytes) + textBytes;
  }
  let at = writeVarint(to, start, size);
  to[at++] = 0; // attributes: none are defined
  to[at++] = 0; // timestamp: that of the batch
  at = writeVarint(to, at, offsetDelta);
  at = writeBytes(to, at, key);
  at = writeBytes(to, at, value);
  at = writeVarint(to, at, headers.size);
  for (const [name, text] of headers) {
    at = writeText(to, at, name);
    at = typeof text === 'string' ? writeText(to, at, text) : writeBytes(to, at, text);
  }
  return at;
}

const POSITION_NAME = Buffer.from(POSITION_HEADER);

function boundOfFast({ keyStart, valueEnd, position, otherHeaders }: FastRecord): number {
  let bytes = 8 * VARINT + valueEnd - keyStart + POSITION_NAME.length + 3 * position.length;
  for (const [name, text] of otherHeaders) bytes += 2 * VARINT + 3 * (name.length + text.length);
  return bytes;
}

/** {@link writeRecord} for a fast-path record: no views of its bytes, and its position is ASCII. */
function writeFast(to: Buffer, start: number, offsetDelta: number, record: FastRecord): number {
  const { bytes, keyStart, keyEnd, valueEnd, hasKey, position, otherHeaders } = record;
  const keyLength = hasKey ? keyEnd - keyStart : -1;
  const valueLength = valueEnd - keyEnd;
  const nameLength = POSITION_NAME.length;
  let size = 2 + sizeOfVarint(offsetDelta) + sizeOfVarint(keyLength) + sizeOfVarint(valueLength);
  size += valueEnd - keyStart + sizeOfVarint(1 + otherHeaders.length);
  size += sizeOfVarint(nameLength) + nameLength + sizeOfVarint(position.length) + position.length;
  for (let i = 0; i < otherHeaders.length; i++) size += sizeOfHeader(otherHeaders[i] as Header);
  let at = writeVarint(to, start, size);
  to[at++] = 0;
  to[at++] = 0;
  at = writeVarint(to, at, offsetDelta);
  at = writeVarint(to, at, keyLength);
  bytes.copy(to, at, keyStart, keyEnd);
  at = writeVarint(to, at + keyEnd - keyStart, valueLength);
  bytes.copy(to, at, keyEnd, valueEnd);
  at = writeVarint(to, at + valueLength, 1 + otherHeaders.length);
  at = writeVarint(to, at, nameLength);
  for (let i = 0; i < nameLength; i++) to[at++] = POSITION_NAME[i] as number;
  at = writeVarint(to, at, position.length);
  to.write(position, at, 'latin1');
  at += position.length;
  for (const [name, text] of otherHeaders) at = writeText(to, writeText(to, at, name), text);
  return at;
}

type Header = FastRecord['otherHeaders'][number];

function sizeOfHeader([name, text]: Header): number {
  const nameBytes = Buffer.byteLength(name);
  const textBytes = Buffer.byteLength(text);
  return sizeOfVarint(nameBytes) + nameBytes + sizeOfVarint(textBytes) + textBytes;
}

/** Zigzag and base 128, as in Protocol Buffers. */
function writeVarint(to: Buffer, start: number, value: number): number {
  let at = start;
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 0x7f) {
    to[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  to[at++] = rest;
  return at;
}

function sizeOfVarint(value: number): number {
  const rest = ((value << 1) ^ (value >> 31)) >>> 0;
  if (rest < 1 << 7) return 1;
  if (rest < 1 << 14) return 2;
  if (rest < 1 << 21) return 3;
  return rest < 1 << 28 ? 4 : 5;
}

function sizeOfBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length;
}

/** Null is written as length −1. */
function writeBytes(to: Buffer, start: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(to, start, -1);
  const at = writeVarint(to, start, bytes.length);
  to.set(bytes, at);
  return at + bytes.length;
}

function writeText(to: Buffer, start: number, text: string): number {
  const at = writeVarint(to, start, Buffer.byteLength(text));
  return at + to.write(text, at);
}
