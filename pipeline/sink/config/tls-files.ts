// The certificates and keys of the sink's connection, as Node's TLS takes them. Nothing here falls back to plain text.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import type { TlsFiles, TlsSettings } from '../../contract/postgres-tls.ts';
import { codeOf } from '../../contract/tls-refusal.ts';

/**
 * Options for `tls.connect`. `require` encrypts; with an authority it also verifies, as `verify-ca` does (libpq's rule).
 * Without an authority, `verify-full` trusts those that Node.js trusts.
 * @param host the name or address that the certificate must carry under `verify-full`.
 * @throws Error with one sentence that names the setting and the path, if a file cannot be used.
 */
export function tlsOptions(settings: TlsSettings, host: string): ConnectionOptions {
  const { sslmode } = settings;
  const { ca, cert, key } = readTlsFiles(settings);
  const isVerified = sslmode !== 'require' || ca !== undefined;
  return {
    rejectUnauthorized: isVerified,
    checkServerIdentity: (_, certificate) =>
      sslmode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** @throws Error, as {@link tlsOptions}. */
export function readTlsFiles(files: TlsFiles): { ca?: string; cert?: string; key?: string } {
  const { sslrootcert, sslcert, sslkey } = files;
  const ca = sslrootcert === null ? undefined : certificateFile('sslrootcert', sslrootcert);
  const own = sslcert === null ? undefined : certificateFile('sslcert', sslcert);
  const key = sslkey === null ? undefined : keyFile('sslkey', sslkey);
  if (own !== undefined && key !== undefined && !own.first.checkPrivateKey(key.object)) {
    throw new Error(`sslkey '${sslkey}' is not the key of sslcert '${sslcert}'`);
  }
  return {
    ...(ca === undefined ? {} : { ca: ca.pem }),
    ...(own === undefined ? {} : { cert: own.pem }),
    ...(key === undefined ? {} : { key: key.pem }),
  };
}

function readFile(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Error(`${name} names the file '${path}', which cannot be read (${codeOf(cause)})`, { cause });
  }
}

const isPem = (bytes: Buffer): boolean => bytes.includes('-----BEGIN ');

/** Reads PEM, which may hold several certificates, or one certificate in DER. */
function certificateFile(name: string, path: string): { pem: string; first: X509Certificate } {
  const bytes = readFile(name, path);
  try {
    const first = new X509Certificate(bytes);
    return { pem: isPem(bytes) ? bytes.toString() : first.toString(), first };
  } catch (cause) {
    throw new Error(`${name} '${path}' is not a certificate in PEM or DER`, { cause });
  }
}

/** Reads PEM, or PKCS-8 in DER, which is pgjdbc's own format. */
function keyFile(name: string, path: string): { pem: string; object: KeyObject } {
  const bytes = readFile(name, path);
  if (isPem(bytes) && bytes.includes('ENCRYPTED')) {
    throw new Error(`${name} '${path}' is encrypted, and a passphrase is not supported`);
  }
  try {
    const object = isPem(bytes)
      ? createPrivateKey(bytes)
      : createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' });
    return { pem: object.export({ format: 'pem', type: 'pkcs8' }).toString(), object };
  } catch (cause) {
    throw new Error(
      `${name} '${path}' is neither a key in PEM nor PKCS-8 in DER without a passphrase (PKCS-12 is not supported)`,
      { cause },
    );
  }
}
