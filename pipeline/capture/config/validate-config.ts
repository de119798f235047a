import { isIPv6 } from 'node:net';
import type { ConfigProblem, ConnectorConfig } from '../../contract/connector.ts';
import { messageOf } from '../../contract/errors.ts';
import { nearest } from '../../contract/nearest.ts';
import { isTlsMode, tlsContradiction } from '../../contract/postgres-tls.ts';
import { unreachable } from '../../contract/unreachable.ts';
import { CONFIG_KEYS, type KeyDefinition, numberOf, textOf, UNSUPPORTED_PATTERNS } from './source-keys.ts';
import { readTlsFiles, tlsFilesOf } from './source-tls.ts';
import { splitList } from './table-filter.ts';

/** A host name, perhaps an internationalized one, or an IPv4 address. */
const HOST = /^[\p{L}\p{N}._-]+$/u;
/** The folder of a Unix socket. */
const SOCKET_FOLDER = /^(\/[\p{L}\p{N}._-]+)+\/?$/u;
const OPERATIONS = new Set(['c', 'u', 'd', 't', 'r', 'none']);

/** Every problem of a configuration. */
export function validateConfig(config: ConnectorConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [key, value] of Object.entries(config)) {
    const definition = CONFIG_KEYS[key];
    if (definition === undefined && UNSUPPORTED_PATTERNS.some((pattern) => pattern.test(key))) {
      problems.push({ key, message: `"${key}" is not supported by the TypeScript engine.` });
      continue;
    }
    if (definition === undefined) {
      const meant = nearest(key, Object.keys(CONFIG_KEYS));
      problems.push({
        key,
        message: `"${key}" is not known${meant ? `; did you mean "${meant}"?` : '.'}`,
        ...(meant ? { nearest: meant } : {}),
      });
      continue;
    }
    const message = problemWith(key, value, definition);
    if (message !== undefined) problems.push({ key, message });
  }
  for (const [key, definition] of Object.entries(CONFIG_KEYS)) {
    if (definition.kind === 'text' && definition.required && !config[key]) {
      problems.push({ key, message: `"${key}" is required.` });
    }
  }
  return [...problems, ...contradictions(config)];
}

function problemWith(key: string, value: string, definition: KeyDefinition): string | undefined {
  switch (definition.kind) {
    case 'text':
      return definition.form && value !== '' && !definition.form.pattern.test(value)
        ? `"${key}" takes ${definition.form.takes}, not "${value}".`
        : undefined;
    case 'integer':
      return integerProblem(key, value, definition);
    case 'boolean':
      return value === 'true' || value === 'false' ? undefined : `"${key}" must be true or false.`;
    case 'choice':
      return definition.values.includes(value) ? undefined : choiceProblem(key, value, definition.values);
    case 'expressions':
      return expressionProblem(key, value);
    case 'fixed':
      return definition.values.includes(value)
        ? undefined
        : `"${key}" is not supported by the TypeScript engine, other than as ${definition.values
            .map((v) => (v === '' ? 'empty' : `"${v}"`))
            .join(' or ')}${definition.why === undefined ? '' : `: ${definition.why}`}.`;
    default:
      return unreachable(definition, 'definition of a key');
  }
}

function integerProblem(
  key: string,
  value: string,
  { min, max = Number.POSITIVE_INFINITY }: { readonly min: number; readonly max?: number },
): string | undefined {
  const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return undefined;
  return `"${key}" must be a whole number, at least ${min}${Number.isFinite(max) ? ` and at most ${max}` : ''}.`;
}

function choiceProblem(key: string, value: string, values: readonly string[]): string {
  const meant = nearest(value, values);
  return `"${key}" does not support "${value}"; it takes ${values.join(', ')}${
    meant ? ` (perhaps ${meant}?)` : ''
  }.`;
}

function expressionProblem(key: string, value: string): string | undefined {
  for (const entry of splitList(value)) {
    try {
      new RegExp(`^(?:${entry})$`, 'i');
    } catch (error) {
      return `"${key}" holds "${entry}", which is not a regular expression: ${(error as Error).message}.`;
    }
  }
  return undefined;
}

/** Without what may be a password: `user:password@host`. */
function shownHost(host: string): string {
  return host.replace(/^.*@/s, '…@');
}

/** Rules over more than one key. */
function contradictions(config: ConnectorConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (key: string, message: string) => problems.push({ key, message });
  for (const kind of ['schema', 'table']) {
    if (config[`${kind}.include.list`] && config[`${kind}.exclude.list`]) {
      refuse(`${kind}.exclude.list`, `"${kind}.include.list" and "${kind}.exclude.list" cannot be combined.`);
    }
  }
  const host = config['database.hostname'] ?? '';
  const isSocket = SOCKET_FOLDER.test(host);
  if (host !== '' && !HOST.test(host) && !isIPv6(host) && !isSocket) {
    refuse(
      'database.hostname',
      `"database.hostname" takes one host name, address or folder of a Unix socket, not "${shownHost(host)}": neither a ` +
        'list nor a URL.',
    );
  }
  const mode = textOf(config, 'database.sslmode') ?? '';
  if (isSocket && isTlsMode(mode)) {
    refuse('database.sslmode', `"database.sslmode" cannot be ${mode} with a Unix socket, which has no TLS.`);
  }
  const tls = tlsProblem(config);
  if (tls !== null) refuse('database.sslmode', `${tls}.`);
  if (numberOf(config, 'max.queue.size') < numberOf(config, 'max.batch.size')) {
    refuse('max.queue.size', '"max.queue.size" must not be less than "max.batch.size".');
  }
  if (config['topic.creation.default.replication.factor'] === '0') {
    refuse(
      'topic.creation.default.replication.factor',
      '"topic.creation.default.replication.factor" must be -1 or at least 1.',
    );
  }
  for (const letter of splitList(textOf(config, 'skipped.operations') ?? '')) {
    if (!OPERATIONS.has(letter)) {
      refuse('skipped.operations', `"skipped.operations" takes c, u, d, t, r or none, not "${letter}".`);
    }
  }
  const signal = config['signal.data.collection'];
  if (signal && !/^[^.]+\.[^.]+(\.[^.]+)?$/.test(signal)) {
    refuse('signal.data.collection', '"signal.data.collection" must name a table as schema.table.');
  }
  return problems;
}

function tlsProblem(config: ConnectorConfig): string | null {
  const files = tlsFilesOf(config);
  const contradiction = tlsContradiction(textOf(config, 'database.sslmode') ?? null, files, 'database.');
  if (contradiction !== null) return contradiction;
  try {
    readTlsFiles(files);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
