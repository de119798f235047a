import { expect, test } from 'vitest';
import type { Column } from '../source/catalogue.ts';
import { asPostgresText, readEvent, readKey } from './envelope.ts';

const column = (type: string, cast = type, kind = 'b'): Column => ({
  ...{ name: 'v', type, kind, cast },
  ...{ notNull: false, hasDefault: false, keyRank: 0, hashesBytes: true },
});

test.each([
  ['12345678901234567890', 'int8', 'int8', '12345678901234567890'],
  ['BNI=', 'numeric', 'numeric(12,2)', '12.34'],
  ['+y4=', 'numeric', 'numeric(12,2)', '-12.34'],
  ['AQ==', 'numeric', 'numeric(5,3)', '0.001'],
  ['1.10', 'numeric', 'numeric', '1.10'],
  ['2026-01-02T03:04:05.670000Z', 'timestamptz', 'timestamptz', '2026-01-02 03:04:05.67+00'],
  ['2026-01-02T03:04:05Z', 'timestamptz', 'timestamptz', '2026-01-02 03:04:05+00'],
  ['1767323045670001', 'timestamp', 'timestamp without time zone', '2026-01-02 03:04:05.670001'],
  ['1767323045670', 'timestamp', 'timestamp(3) without time zone', '2026-01-02 03:04:05.67'],
  ['-1', 'timestamp', 'timestamp without time zone', '1969-12-31 23:59:59.999999'],
  ['20455', 'date', 'date', '2026-01-02'],
  ['3q2+7w==', 'bytea', 'bytea', '\\xdeadbeef'],
])('%s of a %s column is converted to what PostgreSQL prints', (value, type, cast, text) => {
  expect(asPostgresText(value, column(type, cast))).toBe(text);
});

test('a value that this reader cannot convert is unknown, not wrong', () => {
  for (const [value, type] of [
    ['P1D', 'interval'],
    ['__debezium_unavailable_value', 'text'],
    ['2026', 'timestamptz'],
  ]) {
    expect(asPostgresText(value, column(type ?? ''))).toBeUndefined();
  }
});

test('an event is read with and without its schema, and no digit of a number is lost', () => {
  const bare = '{"before":null,"after":{"id":9007199254740993},"op":"c","source":{}}';
  const wrapped = `{"schema":{"type":"struct","fields":[{"field":"after","fields":[{"field":"n",
    "name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"3"}}]}]},"payload":${bare}}`;
  expect(readEvent(Buffer.from(bare))?.after).toEqual({ id: '9007199254740993' });
  const event = readEvent(Buffer.from(wrapped));
  expect(event?.after).toEqual({ id: '9007199254740993' });
  expect(event?.scales.get('n')).toBe(3);
});

test('a key is read with and without its schema, and other bytes are recognised as not being one', () => {
  expect(readKey(Buffer.from('{"id":1}'))).toEqual({ id: '1' });
  expect(readKey(Buffer.from('{"schema":{},"payload":{"id":"a"}}'))).toEqual({ id: 'a' });
  expect(readKey(Buffer.from('{"schema":{},"payload":{"id":9007199254740993}}'))).toEqual({
    id: '9007199254740993',
  });
  expect(readKey(Buffer.from('not json'))).toBeUndefined();
  expect(readEvent(Buffer.from('[1]'))).toBeUndefined();
});
