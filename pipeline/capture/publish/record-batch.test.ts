import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka';
import { describe, expect, test } from 'vitest';
import type { Position } from '../../contract/position.ts';
import type { FastRecord, ProducedRecord } from '../../contract/records.ts';
import { recordBytes } from './publisher.ts';
import { type BatchHead, encodeRecordBatch, nextSequence } from './record-batch.ts';

const HEAD: BatchHead = {
  producerId: 4_711n,
  producerEpoch: 3,
  firstSequence: 2 ** 31 - 2,
  timestampMs: 1_700_000_000_123,
  compression: 'none',
};

const POSITION = '00000001-00000000016B3748-0000000C' as Position;

function record(key: string | null, value: string | null, headers: Record<string, string | Buffer> = {}) {
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));
  return {
    topic: 'lab.public.item',
    key: bytes(key),
    value: bytes(value),
    headers: new Map(Object.entries(headers)),
    position: POSITION,
  } satisfies ProducedRecord;
}

/** The same record as the fast path makes it: key and value in a buffer that also holds other bytes. */
function place(record: ProducedRecord, otherHeaders: FastRecord['otherHeaders']): FastRecord {
  const [key, value] = [record.key ?? Buffer.alloc(0), record.value ?? Buffer.alloc(0)];
  const keyEnd = 7 + key.length;
  return {
    ...record,
    bytes: Buffer.concat([Buffer.alloc(7, 0xff), key, value, Buffer.alloc(3, 0xff)]),
    keyStart: 7,
    keyEnd,
    valueEnd: keyEnd + value.length,
    hasKey: record.key !== null,
    release: () => {},
    otherHeaders,
  };
}

const asBuffer = (text: string | Buffer) => (typeof text === 'string' ? Buffer.from(text) : text);

/** The same batch by the client library's encoder. */
function byLibrary(records: readonly ProducedRecord[]): Buffer {
  const timestamp = BigInt(HEAD.timestampMs);
  const messages = records.map(({ topic, key, value, headers }) => ({
    topic,
    partition: 0,
    timestamp,
    key: key as Buffer,
    value: value as Buffer,
    headers: new Map([...headers].map(([name, text]) => [Buffer.from(name), asBuffer(text)])),
  }));
  const sequences = { getWithDefault: () => HEAD.firstSequence };
  return createRecordsBatch(messages, {
    producerId: HEAD.producerId,
    producerEpoch: HEAD.producerEpoch,
    partitionLeaderEpoch: -1,
    sequences,
  } as unknown as Parameters<typeof createRecordsBatch>[1]).buffer;
}

const SAMPLES: Readonly<Record<string, readonly ProducedRecord[]>> = {
  'one record': [record('{"id":1}', '{"op":"c"}', { 'cdc.position': '00000001-00000000016B3748-0000000C' })],
  'a tombstone and a record without a key': [record('{"id":1}', null), record(null, '{"op":"t"}')],
  'empty key, empty value, no headers': [record('', '')],
  'headers beyond ASCII, empty ones and bytes': [
    record('k', 'v', { ключ: 'значение 🙂', empty: '', bytes: Buffer.from([0, 255, 128]) }),
  ],
  'lengths on both sides of each step of a variable-length number': [
    0, 1, 62, 63, 64, 65, 127, 128, 8_190, 8_191, 8_192, 8_193, 70_000, 1_048_575, 1_048_576,
  ].map((length) => record('k'.repeat(length % 200), 'v'.repeat(length))),
  'enough records for offsets of three bytes': Array.from({ length: 9_000 }, (_, i) =>
    record(String(i), `value ${i}`, { n: String(i) }),
  ),
};

describe('a record batch', () => {
  test.each(Object.entries(SAMPLES))('equals the client library’s, byte for byte: %s', (_, records) => {
    const ours = encodeRecordBatch(records, HEAD);
    expect(ours.equals(byLibrary(records))).toBe(true);
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('holds the same records under %s', (compression) => {
    const records = SAMPLES['enough records for offsets of three bytes'] ?? [];
    const batch = readRecordsBatch(Reader.from(encodeRecordBatch(records, { ...HEAD, compression })));
    expect(batch.records).toHaveLength(9_000);
    expect(batch.records.map(({ value }) => value?.toString())).toEqual(
      records.map(({ value }) => value?.toString()),
    );
  });

  test.each([0, 2])(
    'is the same for fast-path records, which share a buffer, with %i more headers',
    (more) => {
      const otherHeaders = [['taskId', '0'] as const, ['имя', 'значение'] as const].slice(0, more);
      const plain = ['k', 'key'.repeat(30), null].flatMap((key) =>
        ['v', 'v'.repeat(63), 'v'.repeat(64), 'é'.repeat(5_000)].map((value) =>
          record(key, value, { 'cdc.position': POSITION, ...Object.fromEntries(otherHeaders) }),
        ),
      );
      const placed = plain.map((record) => place(record, otherHeaders));
      expect(encodeRecordBatch(placed, HEAD).equals(byLibrary(plain))).toBe(true);
      const small = Buffer.alloc(61);
      expect(
        encodeRecordBatch([...placed, ...plain], HEAD, small).equals(byLibrary([...plain, ...plain])),
      ).toBe(true);
      expect(placed.map(recordBytes)).toEqual(plain.map(recordBytes));
    },
  );

  test('is written into the given buffer, or into a new one if that is too small', () => {
    const records = SAMPLES['headers beyond ASCII, empty ones and bytes'] ?? [];
    const room = Buffer.alloc(10_000, 0xff);
    const inRoom = encodeRecordBatch(records, HEAD, room);
    expect(inRoom.buffer).toBe(room.buffer);
    expect(inRoom.equals(byLibrary(records))).toBe(true);
    const small = Buffer.alloc(61, 0xff);
    expect(encodeRecordBatch(records, HEAD, small).equals(byLibrary(records))).toBe(true);
    expect(small.every((byte) => byte === 0xff)).toBe(true);
  });

  test('may grow under compression', () => {
    const noise = Array.from({ length: 50 }, (_, i) => (i * 2_654_435_761) % 2 ** 32);
    const bytes = Buffer.from(new Uint32Array(noise).buffer);
    const records = [{ ...record(null, null), value: bytes }];
    const batch = readRecordsBatch(Reader.from(encodeRecordBatch(records, { ...HEAD, compression: 'gzip' })));
    expect(batch.records[0]?.value?.equals(bytes)).toBe(true);
  });

  test('names its producer, epoch and first sequence number', () => {
    const batch = readRecordsBatch(Reader.from(encodeRecordBatch([record('k', 'v')], HEAD)));
    expect(batch).toMatchObject({ producerId: 4_711n, producerEpoch: 3, firstSequence: 2 ** 31 - 2 });
  });
});

test('sequence numbers wrap to 0 after 2,147,483,647', () => {
  expect(nextSequence(0, 5)).toBe(5);
  expect(nextSequence(2 ** 31 - 1, 1)).toBe(0);
  expect(nextSequence(2 ** 31 - 2, 5)).toBe(3);
});
