import { randomBytes } from 'node:crypto';
import pg, { type Client, type ClientConfig, type Connection, type Submittable } from 'pg';
import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { connectionOptions } from '../connection/connection-string.ts';
import { readLsn } from '../connection/lsn.ts';
import { ident, PINNED_SETTINGS, pinningSession } from '../connection/postgres.ts';
import { durationText } from '../units.ts';
import { type Message, readMessage, textOf } from './test-decoding.ts';

/** The server ends a walsender whose client has been silent for this long. Until then the slot holds back WAL. */
const WAL_SENDER_TIMEOUT_MS = 30_000;
/** How often the verifier reports what it has read, and requests the server's position. */
const STATUS_MS = 100;
/** Give up on a server that has been silent for this long: it answers every status. */
const SILENT_MS = 10_000;

/** 2000-01-01, the start of PostgreSQL's clock, in microseconds of Unix time. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

export interface OwnSlotOptions {
  readonly side: 'source' | 'sink';
  /** Time for the slot's creation, which waits for every transaction that was open when it began. */
  readonly creationMs: number;
  readonly signal: AbortSignal;
  /** Cancels the backend with that pid: a walsender that waits for a lock does not notice that its client has gone. */
  readonly cancel: (pid: number) => Promise<void>;
}

/** Each returns true to end the stream. */
export interface StreamHandlers {
  /** @param lsn For a commit, the end of its WAL record. The positions of rows are in no particular order. */
  readonly onMessage: (message: Message, lsn: Lsn, bytes: number) => boolean;
  /** The server has decoded up to this position: every commit before it has been delivered. */
  readonly onPosition: (lsn: Lsn) => boolean;
}

/**
 * The verifier's own replication slot. It is temporary: it ends with its connection, so it never outlives the verifier.
 * Its exported snapshot contains exactly what was committed before {@link OwnSlot.consistentPoint}, and the stream
 * everything later (https://www.postgresql.org/docs/current/logicaldecoding-explanation.html, "Exported Snapshots").
 */
export class OwnSlot implements AsyncDisposable {
  readonly consistentPoint: Lsn;
  /** Name for `SET TRANSACTION SNAPSHOT`; valid until {@link OwnSlot.stream} is called. */
  readonly snapshot: string;
  readonly #name: string;
  readonly #client: Client;
  #read = 0n as Lsn;
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    client: Client,
    name: string,
    row: { consistent_point: string; snapshot_name: string },
  ) {
    this.#client = client;
    this.#name = name;
    this.consistentPoint = readLsn(row.consistent_point);
    this.snapshot = row.snapshot_name;
  }

  /** @throws PostgreSQL's error, or an error if a transaction stays open for longer than `creationMs`. */
  static async create(url: string, options: OwnSlotOptions): Promise<OwnSlot> {
    const settings = {
      ...PINNED_SETTINGS,
      wal_sender_timeout: `${WAL_SENDER_TIMEOUT_MS}ms`,
      lock_timeout: `${options.creationMs}ms`,
    };
    const config: ClientConfig & { replication: 'database' } = {
      ...connectionOptions(url, `${options.side}.url`),
      application_name: 'cdc-lab verifier (slot)',
      connectionTimeoutMillis: options.creationMs,
      keepAlive: true,
      replication: 'database',
    };
    const client = new pg.Client(config);
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(pinningSession(settings));
      const name = `cdc_lab_verifier_${randomBytes(6).toString('hex')}`;
      const command = `CREATE_REPLICATION_SLOT ${ident(name)} TEMPORARY LOGICAL test_decoding EXPORT_SNAPSHOT`;
      const row = await within(client, command, options);
      return new OwnSlot(client, name, row);
    } catch (error) {
      client.connection.stream.destroy();
      throw error;
    }
  }

  /** Everything that committed before this position was streamed. */
  get read(): Lsn {
    return this.#read;
  }

  /**
   * Streams everything that commits after the snapshot. Resolves when a handler returns true.
   * @throws if the stream breaks, or the server falls silent.
   */
  async stream(handlers: StreamHandlers): Promise<void> {
    const connection = this.#client.connection as CopyConnection;
    const ended = Promise.withResolvers<void>();
    let heardMs = performance.now();
    const fail = (error: unknown): void => ended.reject(new Error(`the slot's stream: ${messageOf(error)}`));
    const onData = (chunk: Buffer): void => {
      heardMs = performance.now();
      try {
        if (this.#frame(chunk, handlers)) ended.resolve();
      } catch (error) {
        ended.reject(error);
      }
    };
    this.#timer = setInterval(() => {
      if (performance.now() - heardMs > SILENT_MS) fail(`silent for ${durationText(SILENT_MS)}`);
      else this.#sendStatus(connection);
    }, STATUS_MS);
    this.#client.on('end', () => fail('the connection was closed'));
    const command =
      `START_REPLICATION SLOT ${ident(this.#name)} LOGICAL 0/0 ` +
      `("include-xids" '1', "skip-empty-xacts" '1', "include-timestamp" '0')`;
    const query: Submittable & CopyHandlers = {
      submit: (own: Connection) => own.query(command),
      handleCopyData: ({ chunk }) => onData(chunk),
      handleError: fail,
      handleCommandComplete: () => fail('the server ended it'),
      handleReadyForQuery: () => undefined,
    };
    this.#client.query(query);
    try {
      await ended.promise;
    } finally {
      clearInterval(this.#timer);
      // Nothing more is read: the slot ends with its connection.
      connection.stream.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#client.connection.stream.destroy();
  }

  /**
   * Reads a message of the streaming replication protocol: XLogData (`w`) or a keepalive (`k`), see
   * https://www.postgresql.org/docs/current/protocol-replication.html. @returns true to end the stream.
   */
  #frame(chunk: Buffer, handlers: StreamHandlers): boolean {
    const lsn = chunk.readBigUInt64BE(1) as Lsn;
    switch (chunk[0]) {
      case 0x77: {
        const message = readMessage(textOf(chunk.subarray(25)));
        // Only the positions of commits are in the order of commits.
        if (message.tag === 'commit' && lsn > this.#read) this.#read = lsn;
        return handlers.onMessage(message, lsn, chunk.length);
      }
      case 0x6b:
        if (lsn > this.#read) this.#read = lsn;
        return handlers.onPosition(lsn);
      default:
        throw new Error(`a replication frame begins with ${chunk[0]}`);
    }
  }

  /** Confirms what was read, so that the server can discard it, and requests a keepalive with the server's position. */
  #sendStatus(connection: CopyConnection): void {
    if (!connection.stream.writable) return;
    const bytes = Buffer.alloc(34);
    bytes[0] = 0x72;
    for (const at of [1, 9, 17]) bytes.writeBigUInt64BE(this.#read, at);
    bytes.writeBigInt64BE(BigInt(Date.now()) * 1000n - POSTGRES_EPOCH_US, 25);
    bytes[33] = 1;
    connection.sendCopyFromChunk(bytes);
  }
}

/** Creates the slot within its time. If it takes longer, the backend is cancelled; the caller drops the connection. */
async function within(
  client: Client,
  command: string,
  { creationMs, signal, cancel }: OwnSlotOptions,
): Promise<{ consistent_point: string; snapshot_name: string }> {
  const late = Promise.withResolvers<never>();
  const stop = (why: string): void => {
    const pid = (client as Client & { readonly processID: number | null }).processID;
    if (pid !== null) cancel(pid).catch(() => undefined);
    late.reject(new Error(why));
  };
  const timer = setTimeout(
    () =>
      stop(
        `it was not ready within ${durationText(creationMs)}, because a transaction has been open for that long`,
      ),
    creationMs,
  );
  const abort = (): void => stop('the verification was stopped');
  signal.addEventListener('abort', abort, { once: true });
  try {
    const query = client.query<{ consistent_point: string; snapshot_name: string }>(command);
    const { rows } = await Promise.race([query, late.promise]);
    const [row] = rows;
    if (row === undefined) throw new Error('CREATE_REPLICATION_SLOT gave no row');
    return row;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

/** Members of `pg` that its type definitions lack. */
type CopyConnection = Connection & { sendCopyFromChunk(chunk: Buffer): void };
interface CopyHandlers {
  handleCopyData(message: { readonly chunk: Buffer }): void;
  handleError(error: Error): void;
  handleCommandComplete(): void;
  handleReadyForQuery(): void;
}
