import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type KafkaConnection, tlsFiles } from '../../connection/kafka.ts';

const METADATA = { api: 3, version: 12 } as const;
const TIMEOUT_MS = 5_000;
/** Limit for an answer; a cluster's metadata is far smaller. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Ids of topics, as 32 hex digits. A topic that is deleted and created again has the same name and another id. kafkajs
 * does not report ids. Empty if the broker is older than Kafka 3.1, which does not know Metadata requests of version 12,
 * or if it requires SASL.
 * @throws if the broker does not answer.
 */
export async function topicIds(
  { bootstrapServers: [broker = ''], tls, sasl }: KafkaConnection,
  topics: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (topics.length === 0 || sasl !== null) return new Map();
  const at = broker.lastIndexOf(':');
  const [host, port] = [broker.slice(0, at), Number(broker.slice(at + 1))];
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const socket =
    tls === null ? connect({ host, port }) : connectTls({ host, port, ...servername, ...tlsFiles(tls) });
  const answer = await ask(socket, broker, metadataRequest(topics));
  return answer === null ? new Map() : readTopicIds(answer);
}

/** A topic id in any of its spellings (UUID, or Kafka's base64) as 32 hex digits. */
export function normalTopicId(text: string): string {
  if (/^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(text))
    return text.replaceAll('-', '').toLowerCase();
  return Buffer.from(text, 'base64url').toString('hex');
}

/** https://kafka.apache.org/protocol#The_Messages_Metadata. The version is flexible: lengths are varints plus one. */
export function metadataRequest(topics: readonly string[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeInt16BE(METADATA.api, 0);
  header.writeInt16BE(METADATA.version, 2);
  header.writeInt32BE(1, 4);
  const client = Buffer.from('cdc-lab-verifier');
  const parts = [header, int16(client.length), client, Buffer.of(0), varint(topics.length + 1)];
  for (const topic of topics) {
    const name = Buffer.from(topic);
    // A zero id means that the topic is given by name.
    parts.push(Buffer.alloc(16), varint(name.length + 1), name, Buffer.of(0));
  }
  // Do not create topics; no authorized operations; no tagged fields.
  parts.push(Buffer.of(0, 0, 0));
  const body = Buffer.concat(parts);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

/** @throws if the answer is truncated. */
export function readTopicIds(answer: Buffer): ReadonlyMap<string, string> {
  const reader = new Reader(answer);
  reader.skip(4); // correlation id
  reader.tags();
  reader.skip(4); // throttle time
  reader.array(() => {
    reader.skip(4);
    reader.text();
    reader.skip(4);
    reader.text();
    reader.tags();
  });
  reader.text(); // cluster id
  reader.skip(4); // controller
  const ids = new Map<string, string>();
  reader.array(() => {
    const error = reader.bytes(2).readInt16BE();
    const name = reader.text();
    const id = reader.bytes(16).toString('hex');
    reader.skip(1);
    reader.array(() => {
      reader.skip(2 + 4 + 4 + 4);
      for (let list = 0; list < 3; list++) reader.array(() => reader.skip(4));
      reader.tags();
    });
    reader.skip(4);
    reader.tags();
    if (error === 0 && name !== null) ids.set(name, id);
  });
  return ids;
}

class Reader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  bytes(count: number): Buffer {
    if (this.#at + count > this.#data.length)
      throw new Error('the answer to a Metadata request is cut short');
    this.#at += count;
    return this.#data.subarray(this.#at - count, this.#at);
  }

  skip(count: number): void {
    this.bytes(count);
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
    throw new Error('the answer to a Metadata request has an invalid length');
  }
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Sends a request. Returns the answer without its length, or null if the broker hangs up: it does not know the version. */
async function ask(socket: Socket, broker: string, request: Buffer): Promise<Buffer | null> {
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
