import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { IdentitySet, identityOf } from './identities.ts';
import { metadataRequest, normalTopicId, readTopicIds } from './topic-ids.ts';
import type { RawRecord } from './topic-reader.ts';

const record = (own: Partial<RawRecord>) =>
  ({
    ...{ topic: 't', partition: 0, offset: 0n, key: Buffer.from('k'), value: Buffer.from('v') },
    ...{ position: '00000001-00000000016B3748-0000000C', header: () => null },
    ...own,
  }) as RawRecord;
const debezium = (op: string, lsn: number, extra = {}): Buffer =>
  Buffer.from(JSON.stringify({ payload: { op, source: { lsn, txId: 7 }, ...extra } }));

test('a set of identities grows, and recognises each of them', () => {
  const set = new IdentitySet();
  const identities = Array.from({ length: 20_000 }, (_, i) =>
    createHash('sha1').update(String(i)).digest('binary'),
  );
  expect(identities.every((identity) => set.add(identity))).toBe(true);
  expect(identities.some((identity) => set.add(identity))).toBe(false);
  expect(set.size).toBe(20_000);
});

test('a change has the same identity however often it is delivered, and shares it with no other change', () => {
  const own = identityOf(record({}));
  expect(identityOf(record({ partition: 3, offset: 99n, value: Buffer.from('other times') }))).toBe(own);
  const others = [{ topic: 'u' }, { key: Buffer.from('l') }, { value: null }, { position: '2' }];
  for (const other of others) expect(identityOf(record(other))).not.toBe(own);
});

test('without a position, Debezium’s source block serves as one', () => {
  const own = identityOf(record({ position: null, value: debezium('u', 5) }));
  expect(own).not.toBeNull();
  expect(identityOf(record({ position: null, value: debezium('u', 5, { ts_ms: 9 }) }))).toBe(own);
  expect(identityOf(record({ position: null, value: debezium('u', 6) }))).not.toBe(own);
});

test('records that cannot be told apart from others have no identity', () => {
  const snapshot = '00000001-00000000016B3748-00000000';
  expect(identityOf(record({ key: null, position: snapshot }))).toBeNull();
  expect(identityOf(record({ key: null, position: null, value: debezium('r', 5) }))).toBeNull();
  expect(identityOf(record({ position: null, value: null }))).toBeNull();
  expect(identityOf(record({ position: null, value: Buffer.from('no JSON') }))).toBeNull();
  expect(identityOf(record({ position: snapshot }))).not.toBeNull();
});

test('a topic’s id is the same in all of its spellings', () => {
  const hex = '0123456789abcdef0123456789abcdef';
  expect(normalTopicId('01234567-89AB-CDEF-0123-456789ABCDEF')).toBe(hex);
  expect(normalTopicId(Buffer.from(hex, 'hex').toString('base64url'))).toBe(hex);
});

test('a Metadata request contains its length, and a truncated answer is refused', () => {
  const request = metadataRequest(['orders', 'x'.repeat(200)]);
  expect(request.readInt32BE()).toBe(request.length - 4);
  expect(() => readTopicIds(Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 9]))).toThrow('cut short');
});
