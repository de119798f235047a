import { hasSocket } from './postgres-url.ts';
import { urlWithSecrets } from './secret.ts';

/** Escapes that `pg` does not decode in the name of a database, because it uses `decodeURI`. */
const KEPT_ESCAPES = /%(?:2F|3A|3B|3D|2B|2C|24|26|40)/gi;

/**
 * The `connectionString` with which `pg` does what libpq does with a URL: `sslmode` has libpq's meaning, a Unix socket
 * has no TLS (https://www.postgresql.org/docs/current/libpq-ssl.html), and the name of the database is decoded.
 * @param text A URL without `queryProblem`, with a reference in place of its password or without any.
 * @param whose Place in the configuration, which an error about the secret names.
 * @throws LabError CDC-4001 if the secret cannot be read.
 */
export function connectionString(text: string, whose: string): string {
  const withPassword = urlWithSecrets(text, whose);
  const url = URL.parse(withPassword);
  if (url === null) return withPassword;
  if (hasSocket(url)) {
    for (const name of ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation'])
      url.searchParams.delete(name);
  } else if (url.searchParams.has('sslmode') && !url.searchParams.has('uselibpqcompat')) {
    url.searchParams.set('uselibpqcompat', 'true');
  }
  url.pathname = url.pathname.replaceAll(KEPT_ESCAPES, (code) => decodeURIComponent(code));
  return url.href;
}
