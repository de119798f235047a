import { EventEmitter } from 'node:events';
import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { RawRows } from '../snapshot/raw-rows.ts';
import { DATA_ROW, MessageTap } from './message-tap.ts';

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

function dataRow(values: readonly (string | null)[]): Buffer {
  const parts = values.map((value) => {
    const bytes = Buffer.from(value ?? '');
    const size = Buffer.alloc(4);
    size.writeInt32BE(value === null ? -1 : bytes.length);
    return Buffer.concat([size, bytes]);
  });
  const count = Buffer.alloc(2);
  count.writeInt16BE(values.length);
  return message('D', Buffer.concat([count, ...parts]));
}

/** A tap on a connection without a server: `send` is the server, `read` returns what the connection's reader got. */
function tapped() {
  const stream = new EventEmitter();
  const read: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => read.push(bytes));
  const tap = new MessageTap({ connection: { stream } } as unknown as Client);
  return { tap, send: (bytes: Buffer) => stream.emit('data', bytes), read: () => Buffer.concat(read) };
}

const VALUES = [
  ['1', 'é\t\\', null],
  ['2', '', 'x'.repeat(300)],
];
const NOTICE = message('N', Buffer.from('Snotice\0'));
const COMPLETE = message('C', Buffer.from('SELECT 2\0'));
const READY = message('Z', Buffer.from('I'));
const ANSWER = Buffer.concat([...VALUES.map(dataRow).flatMap((row) => [NOTICE, row]), COMPLETE, READY]);

test('takes the rows and passes everything else on, wherever the socket splits the bytes', async () => {
  for (let size = 1; size <= ANSWER.length; size += size < 20 ? 1 : 17) {
    const { tap, send, read } = tapped();
    const rows = new RawRows();
    await tap.during(
      DATA_ROW,
      (bytes, start) => rows.add(bytes, start),
      async () => {
        for (let at = 0; at < ANSWER.length; at += size) send(ANSWER.subarray(at, at + size));
      },
    );
    expect(Array.from({ length: rows.length }, (_, i) => rows.texts(i))).toEqual(VALUES);
    expect(read()).toEqual(Buffer.concat([NOTICE, NOTICE, COMPLETE, READY]));
  }
});

test('passes on the rows of every other query', async () => {
  const { tap, send, read } = tapped();
  await tap.during(
    DATA_ROW,
    () => {},
    async () => send(READY),
  );
  send(ANSWER);
  expect(read()).toEqual(Buffer.concat([READY, ANSWER]));
});

test('refuses a row whose lengths are inconsistent', () => {
  const rows = new RawRows();
  const short = dataRow(['12345']);
  short.writeInt32BE(short.length - 2, 1);
  rows.add(short, 0);
  expect(() => rows.at(0)).toThrow('does not have the length of its columns');
});
