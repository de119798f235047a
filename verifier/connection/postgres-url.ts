import { didYouMean } from '../../pipeline/contract/nearest.ts';

/** Parameters of a PostgreSQL URL that `pg` honours. It silently ignores every other. */
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

/** Whether paths can be appended to a URL: it has no query part and no fragment, which would be dropped. */
export function isBaseUrl(text: string): boolean {
  return !/[?#]/.test(text);
}

/** Whether the URL names the folder of a Unix socket in place of a host. */
export function hasSocket(url: URL): boolean {
  return (url.searchParams.get('host') ?? decodeURIComponent(url.hostname)).startsWith('/');
}

/**
 * Says, in one sentence, which part of a PostgreSQL URL would be ignored or would fall back to plain text; null if none
 * would. A text that is not a URL is not judged.
 */
export function queryProblem(text: string): string | null {
  const url = URL.parse(text);
  if (url === null) return null;
  const query = url.searchParams;
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
  if (mode === 'verify-ca' && !query.has('sslrootcert')) return 'sslmode=verify-ca needs sslrootcert.';
  const file = ['sslrootcert', 'sslcert', 'sslkey'].find((name) => query.has(name));
  // Without an sslmode, `pg` treats a file as a request for verify-full.
  if (file !== undefined && mode === 'disable')
    return `sslmode=disable would ignore ${file}: leave one of them out.`;
  return null;
}
