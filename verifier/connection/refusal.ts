import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { codeOf, type Refusal, SPEAKS_PLAIN, tlsRefusal } from '../../pipeline/contract/tls-refusal.ts';

/** Explains PostgreSQL's refusal of a login; null for any other error. */
export function loginRefusal(error: unknown): Refusal | null {
  const code = codeOf(error);
  if (code === '28P01' || code === '28000') {
    const said = messageOf(error);
    const noTls = /no encryption|SSL off/.test(said);
    return {
      why: said,
      remedy: noTls
        ? 'The server requires TLS: set sslmode=verify-full, and sslrootcert to the file of its authority.'
        : 'Correct user and password. The server’s pg_hba.conf lists who may log in, and how.',
    };
  }
  if (code === '3D000') return { why: messageOf(error), remedy: 'Correct the name of the database.' };
  if (/password must be a (non-empty )?string|no password supplied/i.test(messageOf(error))) {
    return {
      why: 'it requires a password, and none is configured',
      remedy: 'Give the password as ${env:NAME} or ${file:PATH}.',
    };
  }
  return null;
}

const PROBE_TIMEOUT_MS = 3_000;

/** What a probe found: the port answers as configured, it refuses, or nothing can be said about it. */
export type ProbedPort = 'answers' | 'silent' | Refusal;

const SPEAKS_TLS: Refusal = {
  why: 'it speaks TLS at this port',
  remedy: 'Configure kafka.tls, with the file of its authority as ca.',
};

/**
 * Probes the port of a broker that could not be reached.
 * @param tls Certificates to connect with. Null if the connection is unencrypted: then the probe recognises only TLS.
 */
export async function probePort(
  address: string,
  tls: { ca?: string; cert?: string; key?: string } | null,
): Promise<ProbedPort> {
  const at = address.lastIndexOf(':');
  const place = { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
  const servername = isIP(place.host) === 0 ? { servername: place.host } : {};
  const options = tls ?? { rejectUnauthorized: false };
  const { secured, error } = await handshake(() => connectTls({ ...place, ...servername, ...options }));
  if (tls === null) return secured ? SPEAKS_TLS : 'silent';
  if (error === null) return 'answers';
  const hungUp = !secured && codeOf(error) === 'ECONNRESET';
  return tlsRefusal(error) ?? (hungUp ? SPEAKS_PLAIN : 'silent');
}

/** Kafka request `ApiVersions` 0, which a broker answers before authentication. */
const API_VERSIONS = Buffer.from('0000000a0012000000000001ffff', 'hex');

/**
 * Performs a TLS handshake and sends one request, because in TLS 1.3 a client's certificate is refused only after the
 * handshake. @returns `error` is null if there was an answer.
 */
async function handshake(open: () => TLSSocket): Promise<{ secured: boolean; error: unknown }> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const socket = open();
  let secured = false;
  socket.setTimeout(PROBE_TIMEOUT_MS, () => resolve(new Error('no answer')));
  socket.on('error', resolve);
  socket.once('close', () => resolve(new Error('the connection was closed')));
  socket.once('data', () => resolve(null));
  socket.once('secureConnect', () => {
    secured = true;
    socket.write(API_VERSIONS);
  });
  const error = await promise;
  socket.destroy();
  return { secured, error };
}
