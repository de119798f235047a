import { messageOf } from './errors.ts';

/** Why a TLS connection failed, and what to do. */
export interface Refusal {
  /** A clause without a full stop. */
  readonly why: string;
  readonly remedy: string;
}

const UNKNOWN_AUTHORITY =
  /SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|CERT_SIGNATURE/;

export const SPEAKS_PLAIN: Refusal = {
  why: 'it does not speak TLS on this port',
  remedy: 'Configure its TLS port, or take tls out of the configuration.',
};

/** Explains an error of a TLS handshake, or a server's answer to the request for TLS; null for any other error. */
export function tlsRefusal(error: unknown): Refusal | null {
  const code = codeOf(error);
  const said = messageOf(error);
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const when = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return {
      why: `its certificate ${when}`,
      remedy: 'Renew the server’s certificate, or correct the clocks of both machines.',
    };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      why: `its certificate is for another name (${said.replace(/^.*?altnames: /, '')})`,
      remedy: 'Connect by a name that is in the certificate, or issue a certificate with this name.',
    };
  }
  if (UNKNOWN_AUTHORITY.test(code)) {
    return {
      why: `its certificate is not signed by a known authority (${said})`,
      remedy:
        'Configure the file of the authority that signed it: the configured CA is another one, or there is none.',
    };
  }
  if (/does not support SSL/.test(said)) {
    return {
      why: 'it does not speak TLS',
      remedy: 'Enable TLS at the server (ssl = on): the lab does not fall back to plain text.',
    };
  }
  if (/wrong version number|packet length too long/i.test(said)) return SPEAKS_PLAIN;
  const alert = /alert ((?:certificate|bad certificate|unknown ca|handshake failure)[a-z ]*)/i.exec(
    said,
  )?.[1];
  if (alert !== undefined) {
    return {
      why: `it does not accept the client's certificate (${alert})`,
      remedy: 'Configure a client certificate that an authority of the server has signed, and its key.',
    };
  }
  return null;
}

/** The code of an error of the system, of TLS or of PostgreSQL; an empty string if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
