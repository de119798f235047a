import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type KafkaConnection, tlsFiles } from '../../connection/kafka.ts';

const TIMEOUT_MS = 5_000;
/** Limit for an answer; a cluster's metadata is far smaller. */
const MAX_BYTES = 16 * 1024 * 1024;

/** A request that kafkajs does not have, by its number. The version is a flexible one: KIP-482. */
export interface KafkaRequest {
  readonly api: number;
  readonly version: number;
  readonly body: Buffer;
}

/**
 * Sends one request to a broker, over a connection for this request.
 * @param broker `host:port`
 * @returns the answer behind its header, or null if the broker hangs up: it does not know the version.
 * @throws if the broker does not answer. It does not answer a connection without SASL where it requires that.
 */
export async function askBroker(
  { tls }: Pick<KafkaConnection, 'tls'>,
  broker: string,
  request: KafkaRequest,
): Promise<AnswerReader | null> {
  const at = broker.lastIndexOf(':');
  const [host, port] = [broker.slice(0, at), Number(broker.slice(at + 1))];
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const socket =
    tls === null ? connect({ host, port }) : connectTls({ host, port, ...servername, ...tlsFiles(tls) });
  const answer = await exchange(socket, broker, framed(request));
  return answer === null ? null : answerReader(answer);
}

/** A reader behind the header of an answer. @throws if the answer is truncated. */
export function answerReader(answer: Buffer): AnswerReader {
  const reader = new AnswerReader(answer);
  reader.skip(4); // correlation id
  reader.tags();
  return reader;
}

/** https://kafka.apache.org/protocol#protocol_messages: length, header version 2, body. */
export function framed({ api, version, body }: KafkaRequest): Buffer {
  const header = Buffer.alloc(8);
  header.writeInt16BE(api, 0);
  header.writeInt16BE(version, 2);
  header.writeInt32BE(1, 4);
  const client = Buffer.from('cdc-lab-verifier');
  const length = Buffer.alloc(2);
  length.writeInt16BE(client.length);
  const all = Buffer.concat([header, length, client, NO_TAGS, body]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(all.length);
  return Buffer.concat([size, all]);
}

export const NO_TAGS = Buffer.of(0);

/** A compact array: its length plus one, then the elements. */
export function array<T>(elements: readonly T[], one: (element: T) => Buffer): Buffer {
  return Buffer.concat([varint(elements.length + 1), ...elements.map(one)]);
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(bytes.length + 1), bytes]);
}

export function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Reads the fields of an answer in their order. Every method throws if the answer is truncated. */
export class AnswerReader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  bytes(count: number): Buffer {
    if (this.#at + count > this.#data.length) throw new Error('the answer of the broker is cut short');
    this.#at += count;
    return this.#data.subarray(this.#at - count, this.#at);
  }

  skip(count: number): void {
    this.bytes(count);
  }

  int16(): number {
    return this.bytes(2).readInt16BE();
  }

  int32(): number {
    return this.bytes(4).readInt32BE();
  }

  int64(): bigint {
    return this.bytes(8).readBigInt64BE();
  }

  text(): string | null {
    const length = this.#varint();
    return length === 0 ? null : this.bytes(length - 1).toString('utf8');
  }

  array(one: () => void): void {
    const count = this.#varint();
    for (let i = 1; i < count; i++) one();
  }

  tags(): void {
    for (let left = this.#varint(); left > 0; left--) {
      this.#varint();
      this.skip(this.#varint());
    }
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes(1)[0] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error('the answer of the broker has an invalid length');
  }
}

/** Returns the answer without its length. */
async function exchange(socket: Socket, broker: string, request: Buffer): Promise<Buffer | null> {
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer from ${broker}`)));
  try {
    socket.write(request);
    let seen = Buffer.alloc(0);
    for await (const chunk of socket) {
      seen = Buffer.concat([seen, chunk as Buffer]);
      const size = seen.length < 4 ? Number.POSITIVE_INFINITY : seen.readInt32BE();
      if (Number.isFinite(size) && size > MAX_BYTES) throw new Error(`the answer is too long: ${size} bytes`);
      if (seen.length >= size + 4) return seen.subarray(4, size + 4);
    }
    return null;
  } finally {
    socket.destroy();
  }
}
