// Settings of TLS connections to PostgreSQL, and which of them contradict each other.

/** libpq's modes that always encrypt. */
export type TlsMode = 'require' | 'verify-ca' | 'verify-full';

/** Paths of PEM files, each null if it is not configured. */
export interface TlsFiles {
  readonly sslrootcert: string | null;
  readonly sslcert: string | null;
  readonly sslkey: string | null;
}

export interface TlsSettings extends TlsFiles {
  readonly sslmode: TlsMode;
}

const TLS_MODES: readonly string[] = ['require', 'verify-ca', 'verify-full'] satisfies TlsMode[];

/** True for the modes that never fall back to plain text. */
export function isTlsMode(mode: string): mode is TlsMode {
  return TLS_MODES.includes(mode);
}

/**
 * Why these settings cannot be combined; null if they can.
 * @param mode Null if no mode is configured.
 * @param prefix Prefix of the keys in the sentence: `database.`.
 */
export function tlsContradiction(mode: string | null, files: TlsFiles, prefix = ''): string | null {
  const given = (['sslrootcert', 'sslcert', 'sslkey'] as const).filter((name) => files[name] !== null);
  const [first] = given;
  if (first !== undefined && (mode === null || !isTlsMode(mode))) {
    const why = mode === 'disable' ? 'the connection is plain text' : 'the connection could be plain text';
    return `${prefix}${first} needs ${prefix}sslmode require, verify-ca or verify-full: without one of them ${why}`;
  }
  if ((files.sslcert === null) !== (files.sslkey === null)) {
    return `${prefix}sslcert and ${prefix}sslkey must be given together`;
  }
  if (mode === 'verify-ca' && files.sslrootcert === null) {
    return `${prefix}sslmode verify-ca needs ${prefix}sslrootcert: any public authority would do otherwise`;
  }
  return null;
}
