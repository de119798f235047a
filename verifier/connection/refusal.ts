import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { codeOf, type Refusal, SPEAKS_PLAIN, tlsRefusal } from '../../pipeline/contract/tls-refusal.ts';

/** What PostgreSQL's refusal of a login comes to; null for any other error. */
export function loginRefusal(error: unknown): Refusal | null {
  const code = codeOf(error);
  if (code === '28P01' || code === '28000') {
    const said = messageOf(error);
    const noTls = /no encryption|SSL off/.test(said);
    return {
      why: said,
      remedy: noTls
        ? 'The server wants TLS: sslmode verify-full, with its authority as sslrootcert.'
        : 'Correct user and password; pg_hba.conf of the server says who may come, and how.',
    };
  }
  if (code === '3D000') return { why: messageOf(error), remedy: 'Correct the name of the database.' };
  if (/password must be a (non-empty )?string|no password supplied/i.test(messageOf(error))) {
    return {
      why: 'it asks for a password, and there is none',
      remedy: 'Give the password as ${env:NAME} or ${file:PATH}.',
    };
  }
  return null;
}

const LOOK_MS = 3_000;

/** What was seen of a port: it answers as it was asked, it refuses, or there is nothing to be said. */
export type PortLook = 'answers' | 'silent' | Refusal;

const SPEAKS_TLS: Refusal = {
  why: 'it speaks TLS at this port',
  remedy: 'Say so in the configuration: kafka.tls, with its authority as ca.',
};

/**
 * Looks at a broker's port that did not answer as it was asked to.
 * @param tls As it is to be connected to; null: in plain text, and then only TLS is recognised.
 */
export async function lookAtPort(
  address: string,
  tls: { ca?: string; cert?: string; key?: string } | null,
): Promise<PortLook> {
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

/** `ApiVersions` 0, which a broker answers to whoever asks, before it wants to know who that is. */
const ANYBODY_THERE = Buffer.from('0000000a0012000000000001ffff', 'hex');

/**
 * A handshake and one question: with TLS 1.3 a client's certificate is refused only after the handshake.
 * `error` is null where an answer came.
 */
async function handshake(open: () => TLSSocket): Promise<{ secured: boolean; error: unknown }> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const socket = open();
  let secured = false;
  socket.setTimeout(LOOK_MS, () => resolve(new Error('no answer')));
  socket.on('error', resolve);
  socket.once('close', () => resolve(new Error('the connection was closed')));
  socket.once('data', () => resolve(null));
  socket.once('secureConnect', () => {
    secured = true;
    socket.write(ANYBODY_THERE);
  });
  const error = await promise;
  socket.destroy();
  return { secured, error };
}
