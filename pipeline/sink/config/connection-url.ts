// The sink's `connection.url`, read as pgjdbc reads it (org.postgresql.Driver.parseURL). What this sink does
// not support is refused by name. A problem is the rest of a sentence that starts with `connection.url`, and never quotes
// what may be a password.
import { isIPv6 } from 'node:net';
import { nearest } from '../../contract/nearest.ts';

/** Parameters that a URL may carry, by pgjdbc's names. */
export const PARAMETERS = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'user',
  'password',
  'ApplicationName',
  'currentSchema',
] as const;
export type Parameter = (typeof PARAMETERS)[number];

/** Names that other drivers use, too far from ours for a spelling check. */
const OTHER_NAMES: Readonly<Record<string, Parameter>> = {
  ssl: 'sslmode',
  username: 'user',
  search_path: 'currentSchema',
  schema: 'currentSchema',
  application_name: 'ApplicationName',
};

const FORM = 'jdbc:postgresql://HOST:PORT/DATABASE';
const DEFAULT_PORT = 5432;

export interface UrlProblem {
  readonly message: string;
  readonly nearest?: string;
}

export interface JdbcUrl {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly parameters: ReadonlyMap<Parameter, string>;
}

/** The parts of a URL; valid only if there is no problem. */
export interface ReadUrl {
  readonly url: JdbcUrl;
  readonly problems: readonly UrlProblem[];
}

/** Reads a `connection.url`. */
export function readJdbcUrl(text: string): ReadUrl {
  const problems: UrlProblem[] = [];
  const refuse = (message: string): void => void problems.push({ message });
  const mark = text.indexOf('?');
  const server = mark === -1 ? text : text.slice(0, mark);
  const parameters = readParameters(mark === -1 ? '' : text.slice(mark + 1), problems);
  const place = readServer(server, refuse);
  return { url: { ...place, parameters }, problems };
}

function readServer(server: string, refuse: (message: string) => void): Omit<JdbcUrl, 'parameters'> {
  const place = { host: 'localhost', port: DEFAULT_PORT, database: '' };
  const scheme = 'jdbc:postgresql:';
  if (!server.startsWith(scheme)) {
    refuse(`must look like ${FORM}`);
    return place;
  }
  // Check this before quoting anything: the text before the @ may be a password.
  if (server.includes('@')) {
    refuse(
      'holds a login before the host, which pgjdbc does not read: write connection.username and connection.password',
    );
    return place;
  }
  const rest = server.slice(scheme.length);
  const [authority = '', path = '', ...more] = rest.startsWith('//') ? rest.slice(2).split('/') : ['', rest];
  if (more.length > 0 || path.startsWith('/')) {
    refuse(`has more than one / after the host: it must look like ${FORM}`);
    return place;
  }
  const database = decode(path);
  if (path === '') refuse(`names no database: it must look like ${FORM}`);
  else if (database === null) refuse(`names a database that ${BADLY_ENCODED}`);
  return { ...readAuthority(authority, refuse), database: database ?? '' };
}

function readAuthority(authority: string, refuse: (message: string) => void): { host: string; port: number } {
  if (authority.includes(',')) {
    refuse('names several hosts, and this sink connects to one');
    return { host: 'localhost', port: DEFAULT_PORT };
  }
  const colon = authority.lastIndexOf(':');
  const hasPort = colon > authority.lastIndexOf(']');
  const host = hasPort ? authority.slice(0, colon) : authority;
  const digits = hasPort ? authority.slice(colon + 1) : String(DEFAULT_PORT);
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port < 1 || port > 65_535) refuse(`has the port '${digits}', which is not a number from 1 to 65535`);
  const isBracketed = host.startsWith('[') && host.endsWith(']');
  const bare = isBracketed ? host.slice(1, -1) : host;
  if (isBracketed ? !isIPv6(bare) : !/^[A-Za-z0-9._-]*$/.test(host)) {
    refuse(`has the host '${host}', which is not a host name, an IPv4 address or an [IPv6 address]`);
  }
  return { host: bare === '' ? 'localhost' : bare, port };
}

function readParameters(query: string, problems: UrlProblem[]): Map<Parameter, string> {
  const parameters = new Map<Parameter, string>();
  for (const token of query.split('&')) {
    // pgjdbc skips empty ones too.
    if (token === '') continue;
    const equals = token.indexOf('=');
    if (equals === -1) {
      // This may be the rest of a password with an & in it, so it is not quoted.
      problems.push({
        message: 'has a parameter without = and a value (an & inside a value is written %26)',
      });
      continue;
    }
    const name = token.slice(0, equals);
    if (!isParameter(name)) problems.push(unknownParameter(name));
    else if (parameters.has(name)) problems.push({ message: `gives the parameter ${name} twice` });
    else {
      const value = decode(token.slice(equals + 1));
      if (value === null)
        problems.push({ message: `has the parameter ${name}, whose value ${BADLY_ENCODED}` });
      else if (value === '') problems.push({ message: `has the parameter ${name} without a value` });
      parameters.set(name, value ?? '');
    }
  }
  return parameters;
}

function isParameter(name: string): name is Parameter {
  return (PARAMETERS as readonly string[]).includes(name);
}

function unknownParameter(name: string): UrlProblem {
  const near =
    (Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name] : undefined) ?? nearest(name, PARAMETERS);
  const advice = near === undefined ? `: it takes ${PARAMETERS.join(', ')}` : `; did you mean ${near}?`;
  return {
    message: `has the parameter ${name}, which this sink does not support${advice}`,
    ...(near === undefined ? {} : { nearest: near }),
  };
}

const BADLY_ENCODED = 'is not percent-encoded correctly (a percent sign itself is written %25)';

/** Decodes as java.net.URLDecoder: `+` is a space. Null if malformed or with a NUL, which PostgreSQL cannot hold. */
function decode(text: string): string | null {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return decoded.includes('\0') ? null : decoded;
  } catch {
    return null;
  }
}
