import { EventEmitter } from 'node:events';
import type { Client } from 'pg';
import { expect, test } from 'vitest';
import type { Lsn } from '../../contract/lsn.ts';
import { ReplicationStream } from './replication-stream.ts';

/** CopyData with an XLogData frame of one byte. */
function wal(start: number): Buffer {
  const message = Buffer.alloc(31, 'd');
  message.writeInt32BE(30, 1);
  message[5] = 0x77;
  message.writeBigUInt64BE(BigInt(start), 6);
  return message;
}

const COPY_BOTH = Buffer.from([0x57, 0, 0, 0, 7, 0, 0, 0]);

/** A server that begins to stream at once: its first frames come in one chunk with its consent. */
class Server extends EventEmitter {
  readonly connection = Object.assign(new EventEmitter(), {
    stream: Object.assign(new EventEmitter(), { destroyed: true, pause: () => {}, resume: () => {} }),
    sendCopyFromChunk: () => {},
  });
  readonly #first: readonly number[];

  constructor(first: readonly number[]) {
    super();
    this.#first = first;
    this.connection.stream.on('data', (bytes: Buffer) => {
      expect(bytes).toEqual(COPY_BOTH);
      this.connection.emit('replicationStart');
    });
  }

  query(): void {
    queueMicrotask(() =>
      this.connection.stream.emit('data', Buffer.concat([COPY_BOTH, ...this.#first.map(wal)])),
    );
  }

  send(start: number): void {
    this.connection.stream.emit('data', wal(start));
  }
}

async function started(first: readonly number[], onWal: (start: number) => void) {
  const server = new Server(first);
  const stream = await ReplicationStream.start(server as unknown as Client, {
    slot: 's',
    publication: 'p',
    startLsn: 0n as Lsn,
    statusIntervalMs: 60_000,
    onWal: (start) => onWal(Number(start)),
    onKeepalive: () => {},
  });
  return { server, stream };
}

test('keeps what comes with the start of the stream until it is resumed', async () => {
  const seen: number[] = [];
  const { server, stream } = await started([1, 2], (start) => seen.push(start));
  expect(seen).toEqual([]);
  expect(stream.received).toBe(0n);
  stream.resume();
  server.send(3);
  expect(seen).toEqual([1, 2, 3]);
  await stream.close();
});

test('hands on nothing behind the frame that paused it, and the rest in order', async () => {
  const seen: number[] = [];
  const { server, stream } = await started([1, 2, 3], (start) => {
    seen.push(start);
    if (start !== 3) stream.pause();
  });
  stream.resume();
  server.send(4);
  expect(seen).toEqual([1]);
  stream.resume();
  expect(seen).toEqual([1, 2]);
  stream.resume();
  expect(seen).toEqual([1, 2, 3, 4]);
  await stream.close();
});
