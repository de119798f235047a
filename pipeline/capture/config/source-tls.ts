import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import type { ConnectorConfig } from '../../contract/connector.ts';
import { isTlsMode, type TlsFiles } from '../../contract/postgres-tls.ts';
import { codeOf } from '../../contract/tls-refusal.ts';
import { textOf } from './source-keys.ts';

/**
 * Options for `tls.connect`. `prefer` and `require` encrypt without verification; `require` with an authority verifies, as
 * `verify-ca` does (libpq's rule).
 * @param host The name or address that the certificate must carry under `verify-full`.
 * @throws Error that names the key and the path, if a file cannot be read.
 */
export function tlsOptions({ mode, ...files }: TlsFiles & { mode: string }, host: string): ConnectionOptions {
  const { ca, cert, key } = readTlsFiles(files);
  return {
    rejectUnauthorized: isTlsMode(mode) && (mode !== 'require' || ca !== undefined),
    checkServerIdentity: (_, certificate) =>
      mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** The TLS files that the configuration names. */
export function tlsFilesOf(config: ConnectorConfig): TlsFiles {
  const path = (key: string): string | null => textOf(config, key) || null;
  return {
    sslrootcert: path('database.sslrootcert'),
    sslcert: path('database.sslcert'),
    sslkey: path('database.sslkey'),
  };
}

/** @throws Error, as {@link tlsOptions}. */
export function readTlsFiles(files: TlsFiles): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  return {
    ...read('ca', 'sslrootcert', files.sslrootcert),
    ...read('cert', 'sslcert', files.sslcert),
    ...read('key', 'sslkey', files.sslkey),
  };
}

function read(as: 'ca' | 'cert' | 'key', name: keyof TlsFiles, path: string | null): Record<string, Buffer> {
  if (path === null) return {};
  try {
    return { [as]: readFileSync(path) };
  } catch (cause) {
    const message = `database.${name} names the file '${path}', which cannot be read (${codeOf(cause)})`;
    throw new Error(message, { cause });
  }
}
