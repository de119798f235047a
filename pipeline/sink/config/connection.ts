// The sink's connection: `connection.url` with its parameters, `connection.username` and `connection.password`.
import type { ConfigProblem, ConnectorConfig } from '../../contract/connector.ts';
import { messageOf } from '../../contract/errors.ts';
import { isTlsMode, type TlsFiles, type TlsSettings, tlsContradiction } from '../../contract/postgres-tls.ts';
import { type JdbcUrl, type Parameter, readJdbcUrl } from './connection-url.ts';
import { readSearchPath } from './search-path.ts';
import { readTlsFiles } from './tls-files.ts';

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Null if the URL has no sslmode: the connection is then plain text, unless the worker's PGSSLMODE says otherwise. */
  readonly tls: TlsSettings | 'disable' | null;
  /** Null for the default, which names the connector. */
  readonly applicationName: string | null;
  /** The `search_path`. The first schema holds the sink's own tables, and every table whose name has no schema. */
  readonly schemas: readonly [string, ...string[]];
}

const URL_KEY = 'connection.url';
const DEFAULT_SCHEMA = 'public';

/** All problems with the keys of the connection. */
export function connectionProblems(config: ConnectorConfig): ConfigProblem[] {
  const { url, problems } = readJdbcUrl(config[URL_KEY] ?? '');
  if (problems.length > 0) {
    return problems.map(({ message, ...near }) => ({
      key: URL_KEY,
      message: `${URL_KEY} ${message}`,
      ...near,
    }));
  }
  const messages = [...loginProblems(url, config), tlsProblem(url), schemaProblem(url)];
  return messages
    .filter((message) => message !== null)
    .map((message) => ({ key: URL_KEY, message: `${URL_KEY} ${message}` }));
}

/** Reads valid keys; see {@link connectionProblems}. */
export function parseConnection(config: ConnectorConfig): Connection {
  const { url } = readJdbcUrl(config[URL_KEY] ?? '');
  const { host, port, database, parameters } = url;
  const mode = modeOf(url);
  const schemas = readSearchPath(parameters.get('currentSchema') ?? DEFAULT_SCHEMA);
  return {
    host,
    port,
    database,
    user: parameters.get('user') ?? config['connection.username'] ?? '',
    password: parameters.get('password') ?? config['connection.password'] ?? '',
    tls: mode === null ? null : isTlsMode(mode) ? { sslmode: mode, ...filesOf(url) } : 'disable',
    applicationName: parameters.get('ApplicationName') ?? null,
    schemas: schemas.names ?? [DEFAULT_SCHEMA],
  };
}

function loginProblems({ parameters }: JdbcUrl, config: ConnectorConfig): string[] {
  const both: readonly [Parameter, string][] = [
    ['user', 'connection.username'],
    ['password', 'connection.password'],
  ];
  return both.flatMap(([name, key]) => {
    const [inUrl, besides] = [parameters.get(name), config[key] ?? ''];
    const differs = inUrl !== undefined && besides !== '' && inUrl !== besides;
    return differs ? [`has the parameter ${name}, which differs from ${key}: give one of the two`] : [];
  });
}

function tlsProblem(url: JdbcUrl): string | null {
  const mode = modeOf(url);
  if (mode === 'prefer' || mode === 'allow') {
    return `has sslmode=${mode}, which falls back to plain text: use require, verify-ca or verify-full`;
  }
  if (mode !== null && mode !== 'disable' && !isTlsMode(mode)) {
    return `has sslmode=${mode}, which must be disable, require, verify-ca or verify-full`;
  }
  const contradiction = tlsContradiction(mode, filesOf(url));
  if (contradiction !== null) return `has a contradiction: ${contradiction}`;
  try {
    readTlsFiles(filesOf(url));
    return null;
  } catch (error) {
    return `has a file that cannot be used: ${messageOf(error)}`;
  }
}

function schemaProblem({ parameters }: JdbcUrl): string | null {
  const text = parameters.get('currentSchema');
  const problem = text === undefined ? null : readSearchPath(text).problem;
  return problem === null ? null : `has a currentSchema that ${problem}`;
}

/** In any case, as pgjdbc reads it. */
function modeOf({ parameters }: JdbcUrl): string | null {
  return parameters.get('sslmode')?.toLowerCase() ?? null;
}

function filesOf({ parameters }: JdbcUrl): TlsFiles {
  const path = (name: Parameter): string | null => parameters.get(name) ?? null;
  return { sslrootcert: path('sslrootcert'), sslcert: path('sslcert'), sslkey: path('sslkey') };
}
