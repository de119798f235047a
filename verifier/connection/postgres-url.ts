import { didYouMean } from '../../pipeline/contract/nearest.ts';

/** Parameters of a PostgreSQL URL that `pg` follows. It passes over every other without a word. */
const PARAMETERS: readonly string[] = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
  'uselibpqcompat',
  'user',
  'password',
  'host',
  'port',
  'application_name',
  'options',
];
const SSL_MODES: readonly string[] = ['disable', 'require', 'verify-ca', 'verify-full'];

/** A base URL, to which paths are appended: a query part or a fragment would be dropped on the way. */
export function isBaseUrl(text: string): boolean {
  return !/[?#]/.test(text);
}

/**
 * What of a PostgreSQL URL's query part would be ignored, or fall back to plain text, as one sentence; null where nothing
 * would. A URL that is none is left to others.
 */
export function queryProblem(text: string): string | null {
  const query = URL.parse(text)?.searchParams;
  if (query === undefined) return null;
  for (const name of query.keys()) {
    if (!PARAMETERS.includes(name)) {
      const advice = name === 'ssl' ? ' Write sslmode=verify-full.' : didYouMean(name, PARAMETERS);
      return `The parameter "${name}" of the URL is not supported.${advice}`;
    }
    if (query.getAll(name).length > 1) return `The parameter "${name}" of the URL is given twice.`;
  }
  const mode = query.get('sslmode');
  if (mode === 'prefer' || mode === 'allow') {
    return `sslmode=${mode} falls back to plain text: take require, verify-ca or verify-full.`;
  }
  if (mode !== null && !SSL_MODES.includes(mode))
    return `sslmode is one of ${SSL_MODES.join(', ')}, not "${mode}".`;
  const file = ['sslrootcert', 'sslcert', 'sslkey'].find((name) => query.has(name));
  // Without any sslmode, `pg` takes a file as the wish for verify-full.
  if (file !== undefined && mode === 'disable')
    return `sslmode=disable would ignore ${file}: leave one of them out.`;
  return null;
}
