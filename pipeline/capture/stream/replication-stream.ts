import type { Client, Connection, Submittable } from 'pg';
import { LabError } from '../../contract/errors.ts';
import type { Lsn } from '../../contract/lsn.ts';
import { disconnect } from '../source/connection.ts';
import { formatLsn, maxLsn, ZERO_LSN } from '../source/lsn-text.ts';
import { COPY_DATA, HEAD_BYTES, MessageTap } from '../source/message-tap.ts';
import { quoteIdentifier, quoteLiteral } from '../source/sql.ts';
import { parseReplicationFrame, standbyStatusUpdate } from './replication-frames.ts';
import type { TurnClock } from './turn-clock.ts';

/** Silence after which the connection counts as dead: PostgreSQL's default for the other direction. */
const DEAD_AFTER_MS = 60_000;

export interface ReplicationOptions {
  readonly slot: string;
  readonly publication: string;
  /** The server does not send transactions that committed before this position. */
  readonly startLsn: Lsn;
  readonly statusIntervalMs: number;
  /**
   * Takes a message of the slot's plug-in, `bytes[from … to)`. The buffer is the socket's: use the bytes at once or copy
   * them. Not called while the stream is paused. A throw ends the stream.
   */
  readonly onWal: (start: Lsn, bytes: Buffer, from: number, to: number) => void;
  readonly onKeepalive: (serverEnd: Lsn) => void;
  /** @throws if the position is not in the offsets topic. */
  readonly assertStored: (lsn: Lsn) => void;
  readonly clock: TurnClock;
}

/**
 * The WAL of a logical slot over a connection of `pg`: START_REPLICATION, CopyBoth, status updates. It starts paused.
 * Only {@link flush} moves the position that PostgreSQL may discard. Status updates go out on a timer, even while the
 * stream is paused, and at once when the server asks.
 */
export class ReplicationStream {
  /** Rejects when the stream breaks; never resolves by itself. */
  readonly failed: Promise<never>;
  /** End of the server's WAL in the latest frame. */
  serverEnd: Lsn = ZERO_LSN;
  readonly #client: Client;
  readonly #connection: CopyConnection;
  readonly #options: ReplicationOptions;
  #received: Lsn;
  #flushed: Lsn;
  #lastHeardMs = Date.now();
  #paused = true;
  /** Frames of the socket's last chunk that came after the pause, in order. */
  #kept: Buffer[] = [];
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #fail: (error: unknown) => void = () => {};

  private constructor(client: Client, options: ReplicationOptions) {
    this.#client = client;
    this.#connection = client.connection as CopyConnection;
    this.#options = options;
    this.#received = options.startLsn;
    this.#flushed = options.startLsn;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  /** Resolves when the server has switched to streaming. It owns the client from then on. @throws PostgreSQL's error. */
  static async start(client: Client, options: ReplicationOptions): Promise<ReplicationStream> {
    const stream = new ReplicationStream(client, options);
    const started = new Promise<void>((resolve) =>
      client.connection.once('replicationStart', () => resolve()),
    );
    client.on('error', (error) => stream.#fail(error));
    client.on('end', () => stream.#fail(new Error('The replication connection was closed.')));
    new MessageTap(client).take(COPY_DATA, (bytes, start, end) =>
      stream.#receive(bytes, start + HEAD_BYTES, end),
    );
    client.query(stream.#query());
    await Promise.race([started, stream.failed]);
    stream.#connection.stream.pause();
    stream.#lastHeardMs = Date.now();
    stream.#timer = setInterval(() => stream.#tick(), options.statusIntervalMs);
    stream.#tick();
    return stream;
  }

  /**
   * Tells the server, at once, that it may discard the WAL before this position.
   * @throws LabError CDC-1060 if the position is not stored in the offsets topic.
   */
  flush(lsn: Lsn): void {
    this.#options.assertStored(lsn);
    this.#flushed = maxLsn(this.#flushed, lsn);
    this.#sendStatus(false);
  }

  get flushed(): Lsn {
    return this.#flushed;
  }

  get received(): Lsn {
    return this.#received;
  }

  /** Stops reading from the socket. Frames that were already read are kept until {@link resume}. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#connection.stream.pause();
  }

  resume(): void {
    if (!this.#paused || this.#ended) return;
    this.#paused = false;
    this.#lastHeardMs = Date.now();
    const kept = this.#kept;
    this.#kept = [];
    for (const [i, frame] of kept.entries()) {
      this.#receive(frame, 0, frame.length);
      if (!this.#paused) continue;
      this.#kept = kept.slice(i + 1);
      return;
    }
    this.#connection.stream.resume();
  }

  /** Sends the last flushed position and closes the connection; the slot is free once the server has answered. */
  async close(): Promise<void> {
    this.#sendStatus(false);
    this.#ended = true;
    clearInterval(this.#timer);
    await disconnect(this.#client);
  }

  #query(): Submittable & QueryHandlers {
    const { slot, publication, startLsn } = this.#options;
    // A list of one name. The server splits the literal, so the name is quoted within it.
    const names = quoteLiteral(quoteIdentifier(publication));
    const command =
      `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL ${formatLsn(startLsn)} ` +
      `(proto_version '1', publication_names ${names})`;
    return {
      submit: (connection: Connection) => connection.query(command),
      handleError: (error) => this.#fail(error),
      handleCommandComplete: () => this.#fail(new Error('The server ended the replication stream.')),
      handleReadyForQuery: () => {},
    };
  }

  #receive(bytes: Buffer, at: number, end: number): void {
    if (this.#ended) return;
    this.#lastHeardMs = this.#options.clock.nowMs();
    if (this.#paused) {
      this.#kept.push(bytes.subarray(at, end));
      return;
    }
    try {
      const frame = parseReplicationFrame(bytes, at, end);
      if (frame.serverEnd > this.serverEnd) this.serverEnd = frame.serverEnd;
      if (frame.tag === 'wal') {
        if (frame.start > this.#received) this.#received = frame.start;
        this.#options.onWal(frame.start, bytes, frame.payloadStart, end);
        return;
      }
      this.#received = maxLsn(this.#received, frame.serverEnd);
      this.#options.onKeepalive(frame.serverEnd);
      if (frame.replyRequested) this.#sendStatus(false);
    } catch (error) {
      this.pause();
      this.#ended = true;
      clearInterval(this.#timer);
      this.#fail(error);
    }
  }

  #tick(): void {
    const state = liveness({
      nowMs: Date.now(),
      lastHeardMs: this.#lastHeardMs,
      paused: this.#paused,
      askAfterMs: 0,
      deadAfterMs: Math.max(DEAD_AFTER_MS, 3 * this.#options.statusIntervalMs),
    });
    if (state === 'dead') {
      this.#fail(
        new LabError(
          'CDC-1010',
          `The replication connection has been silent for ${DEAD_AFTER_MS / 1000} s.`,
          {
            remedy: 'The task reconnects by itself. Check the network between the worker and the source.',
          },
        ),
      );
      this.#connection.stream.destroy();
      return;
    }
    this.#sendStatus(state === 'ask');
  }

  #sendStatus(replyRequested: boolean): void {
    if (this.#ended || !this.#connection.stream.writable) return;
    this.#connection.sendCopyFromChunk(
      standbyStatusUpdate({
        written: maxLsn(this.#received, this.#flushed),
        flushed: this.#flushed,
        applied: this.#flushed,
        nowMs: Date.now(),
        replyRequested,
      }),
    );
  }
}

/**
 * Whether the replication connection is alive. A connection that drops packets silently would otherwise look idle for
 * ever. `ask` means: request a reply with the next status update. A paused socket cannot be heard.
 */
export function liveness(state: {
  readonly nowMs: number;
  readonly lastHeardMs: number;
  readonly paused: boolean;
  readonly askAfterMs: number;
  readonly deadAfterMs: number;
}): 'alive' | 'ask' | 'dead' {
  if (state.paused) return 'alive';
  const silentMs = state.nowMs - state.lastHeardMs;
  if (silentMs >= state.deadAfterMs) return 'dead';
  return silentMs >= state.askAfterMs ? 'ask' : 'alive';
}

/** Members of `pg`'s connection that its type definitions lack. */
type CopyConnection = Connection & { sendCopyFromChunk(chunk: Buffer): void };
interface QueryHandlers {
  handleError(error: Error): void;
  handleCommandComplete(): void;
  handleReadyForQuery(): void;
}
