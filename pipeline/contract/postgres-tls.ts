// TLS to PostgreSQL, as a configuration asks for it, and which of its settings contradict each other.

export type TlsMode = 'require' | 'verify-ca' | 'verify-full';

/** Paths of files, or null. */
export interface TlsFiles {
  readonly sslrootcert: string | null;
  readonly sslcert: string | null;
  readonly sslkey: string | null;
}

export interface TlsSettings extends TlsFiles {
  readonly sslmode: TlsMode;
}

const TLS_MODES: readonly string[] = ['require', 'verify-ca', 'verify-full'] satisfies TlsMode[];

/** True for the modes that never use plain text. */
export function isTlsMode(mode: string): mode is TlsMode {
  return TLS_MODES.includes(mode);
}

/**
 * Why these settings cannot be combined; null where they can.
 * @param mode Null: none is given.
 * @param prefix Of the keys' names, for the sentence: `database.`.
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
