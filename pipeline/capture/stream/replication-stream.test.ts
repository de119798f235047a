import { EventEmitter } from 'node:events';
import type { Client } from 'pg';
import { expect, test } from 'vitest';
import type { Lsn } from '../../contract/lsn.ts';
import { liveness, ReplicationStream } from './replication-stream.ts';
import { TurnClock } from './turn-clock.ts';

/** CopyData with an XLogData frame of one byte. */
function wal(start: number): Buffer {
  const message = Buffer.alloc(31, 'd');
  message.writeInt32BE(30, 1);
  message[5] = 0x77;
  message.writeBigUInt64BE(BigInt(start), 6);
  return message;
}

const STORED = 5n;
const COPY_BOTH = Buffer.from([0x57, 0, 0, 0, 7, 0, 0, 0]);

/** A server that starts to stream at once: its first frames come in one chunk with its CopyBothResponse. */
class Server extends EventEmitter {
  readonly connection = Object.assign(new EventEmitter(), {
    stream: Object.assign(new EventEmitter(), {
      destroyed: true,
      pause: () => {},
      resume: () => {},
      writable: true,
    }),
    sendCopyFromChunk: (status: Buffer) => this.flushed.push(status.readBigUInt64BE(9)),
  });
  readonly #first: readonly number[];
  /** Flushed positions of the status updates that it received. */
  readonly flushed: bigint[] = [];

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
    assertStored: (lsn) => {
      if (lsn > STORED) throw new Error(`${lsn} is not stored`);
    },
    clock: new TurnClock(),
  });
  return { server, stream };
}

test('frames that come with the start of the stream are kept until it is resumed', async () => {
  const seen: number[] = [];
  const { server, stream } = await started([1, 2], (start) => seen.push(start));
  expect(seen).toEqual([]);
  expect(stream.received).toBe(0n);
  stream.resume();
  server.send(3);
  expect(seen).toEqual([1, 2, 3]);
  await stream.close();
});

test('frames behind the one that paused the stream are kept, and delivered in order', async () => {
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

test('a flush is refused if the position is not stored, and PostgreSQL never hears of it', async () => {
  const { server, stream } = await started([], () => {});
  stream.flush(STORED as Lsn);
  expect(() => stream.flush(6n as Lsn)).toThrow('6 is not stored');
  expect(stream.flushed).toBe(STORED);
  expect(server.flushed).not.toContain(6n);
  await stream.close();
});

test.each([
  ['a stream that was just heard', { silentMs: 0, paused: false }, 'alive'],
  ['a silent one', { silentMs: 10, paused: false }, 'ask'],
  ['one that stays silent', { silentMs: 60, paused: false }, 'dead'],
  ['a paused one, which cannot be heard', { silentMs: 600, paused: true }, 'alive'],
] as const)('%s, in state %o, counts as %s', (_, { silentMs, paused }, expected) => {
  const state = { nowMs: 1_000, lastHeardMs: 1_000 - silentMs, paused, askAfterMs: 10, deadAfterMs: 60 };
  expect(liveness(state)).toBe(expected);
});
