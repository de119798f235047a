import { messageOf } from './errors.ts';

/** Why a connection failed, and what to do. */
export interface Refusal {
  /** A clause without a full stop. */
  readonly why: string;
  readonly remedy: string;
}

const UNKNOWN_AUTHORITY =
  /SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|CERT_SIGNATURE/;

export const SPEAKS_PLAIN: Refusal = {
  why: 'it speaks no TLS at this port',
  remedy: 'Name its TLS port, or take tls out of the configuration.',
};

/** The meaning of a TLS handshake's error, or of a server's answer to the request for TLS; null for any other error. */
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

/** The code of a system's, TLS's or PostgreSQL's error; empty where it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
