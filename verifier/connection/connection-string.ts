import type pg from 'pg';
import { parse, toClientConfig } from 'pg-connection-string';
import { hasSocket } from './postgres-url.ts';
import { urlWithSecrets } from './secret.ts';

/**
 * The options with which `pg` does what libpq does with a URL: `sslmode` has libpq's meaning, a Unix socket has no TLS
 * (https://www.postgresql.org/docs/current/libpq-ssl.html), and the name of the database is decoded. They are no URL,
 * because `pg` cannot open a database by a URL if its name has a `?` or a `#`.
 * @param text A URL without `queryProblem`, with a reference in place of its password or without any.
 * @param whose Place in the configuration, which an error about the secret names.
 * @throws LabError CDC-4001 if the secret cannot be read.
 */
export function connectionOptions(text: string, whose: string): pg.ClientConfig {
  const withPassword = urlWithSecrets(text, whose);
  const url = URL.parse(withPassword);
  if (url === null) return { connectionString: withPassword };
  if (hasSocket(url)) {
    for (const name of ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation'])
      url.searchParams.delete(name);
  } else if (url.searchParams.has('sslmode') && !url.searchParams.has('uselibpqcompat')) {
    url.searchParams.set('uselibpqcompat', 'true');
  }
  const database = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '';
  const options = toClientConfig(parse(url.href));
  return database === '' ? options : { ...options, database };
}
