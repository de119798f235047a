import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { messageOf } from '../../pipeline/contract/errors.ts';

/** Why a connection did not come about, and what to do. */
export interface Refusal {
  /** A clause without a full stop. */
  readonly why: string;
  readonly remedy: string;
}

const UNKNOWN_AUTHORITY =
  /SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|CERT_SIGNATURE/;

/** What an error of the TLS handshake, or of who asked for one, comes to; null for any other. */
export function tlsRefusal(error: unknown): Refusal | null {
  const code = codeOf(error);
  const said = messageOf(error);
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const when = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return {
      why: `its certificate ${when}`,
      remedy: 'Renew the server’s certificate; look at the clocks of both machines.',
    };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      why: `its certificate is for another name (${said.replace(/^.*?altnames: /, '')})`,
      remedy: 'Connect by a name that the certificate carries, or have that name put into it.',
    };
  }
  if (UNKNOWN_AUTHORITY.test(code)) {
    return {
      why: `its certificate is not signed by a known authority (${said})`,
      remedy:
        'Name the file of the authority that signed it: the CA in the configuration is another one, or none.',
    };
  }
  if (/does not support SSL/.test(said)) {
    return {
      why: 'it speaks no TLS',
      remedy: 'Switch TLS on at the server (ssl = on); the lab does not go on without.',
    };
  }
  if (/wrong version number|packet length too long/i.test(said)) return SPEAKS_PLAIN;
  const alert = /alert ((?:certificate|bad certificate|unknown ca|handshake failure)[a-z ]*)/i.exec(
    said,
  )?.[1];
  if (alert !== undefined) {
    return {
      why: `it does not accept the client's certificate (${alert})`,
      remedy: 'Name certificate and key of a client that an authority of the server has signed.',
    };
  }
  return null;
}

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

const SPEAKS_PLAIN: Refusal = {
  why: 'it speaks no TLS at this port',
  remedy: 'Name its TLS port, or take tls out of the configuration.',
};
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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
