import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { mistakeIn } from '../../../pipeline/contract/mistake.ts';
import { pemFile } from '../../../verifier/connection/pem.ts';
import { UsageError } from '../../errors.ts';
import { type ExternalConfig, externalSchema } from './target-config.ts';

const DEFAULT_FILES = ['cdc-lab.config.ts', 'cdc-lab.config.json'];

export interface LoadedConfig {
  readonly path: string;
  readonly config: ExternalConfig;
}

/**
 * Reads the configuration of an external target.
 * @param path Null: `cdc-lab.config.ts` or `cdc-lab.config.json` of this folder.
 * @throws UsageError that names the mistake by its path, and for an unknown key the nearest known one.
 */
export async function loadExternalConfig(path: string | null): Promise<LoadedConfig> {
  const file = resolve(path ?? DEFAULT_FILES.find((name) => existsSync(name)) ?? '');
  if (path === null && !DEFAULT_FILES.some((name) => existsSync(name))) {
    throw new UsageError(
      `There is no ${DEFAULT_FILES.join(' or ')} here.`,
      'Pass one with --config; docs/external.md shows what it contains.',
    );
  }
  return { path: file, config: parseExternalConfig(await read(file), file) };
}

/** @throws UsageError, as {@link loadExternalConfig}. */
export function parseExternalConfig(raw: unknown, file: string): ExternalConfig {
  const parsed = externalSchema.safeParse(raw);
  if (!parsed.success) {
    const mistake = mistakeIn(parsed.error, { schema: externalSchema, value: raw, whole: 'the file' });
    throw new UsageError(
      `${file} is not valid: ${mistake}`,
      'Correct it; cdc-lab config schema prints what it may contain, as a JSON Schema.',
    );
  }
  const config = withAbsolutePaths(parsed.data, dirname(file));
  for (const [key, path] of filesOf(config)) mustBePem(path, `${file}, ${key}`);
  return config;
}

/** Files of certificates and keys, by their keys in the configuration. */
function filesOf({ source, sink, kafka, connect, registry }: ExternalConfig): [string, string][] {
  const ca = kafka.sasl?.mechanism === 'OAUTHBEARER' ? kafka.sasl.ca : null;
  const { sslrootcert, sslcert, sslkey } = source;
  const named: Record<string, Record<string, string | null>> = {
    source: { sslrootcert, sslcert, sslkey },
    sink: { sslrootcert: sink.sslrootcert, sslcert: sink.sslcert, sslkey: sink.sslkey },
    'kafka.tls': kafka.tls ?? {},
    'kafka.sasl': { ca },
    connect: { ca: connect.ca },
    registry: { ca: registry?.ca ?? null },
  };
  return Object.entries(named).flatMap(([place, files]) =>
    Object.entries(files).flatMap(([key, path]): [string, string][] =>
      path === null ? [] : [[`${place}.${key}`, path]],
    ),
  );
}

function mustBePem(path: string, whose: string): void {
  try {
    pemFile(path);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    throw new UsageError(`${whose}: ${error.message}`, error.remedy);
  }
}

/** The schema of the configuration file, for editors. */
export function externalJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(externalSchema, { io: 'input', unrepresentable: 'any' });
}

async function read(file: string): Promise<unknown> {
  try {
    if (!file.endsWith('.ts')) return JSON.parse(readFileSync(file, 'utf8'));
    const module: unknown = await import(pathToFileURL(file).href);
    if (typeof module === 'object' && module !== null && 'default' in module) return module.default;
  } catch (error) {
    throw new UsageError(
      `The configuration ${file} cannot be read: ${messageOf(error)}.`,
      'Correct the file, or pass another with --config.',
    );
  }
  throw new UsageError(`${file} has no default export.`, 'Write `export default { source: …, sink: …, … }`.');
}

/** Makes paths absolute: they are relative to the configuration's folder, wherever the command runs. */
function withAbsolutePaths(config: ExternalConfig, folder: string): ExternalConfig {
  const absolute = (path: string | null): string | null => (path === null ? null : resolve(folder, path));
  const postgres = <T extends ExternalConfig['source'] | ExternalConfig['sink']>(side: T): T => ({
    ...side,
    sslrootcert: absolute(side.sslrootcert),
    sslcert: absolute(side.sslcert),
    sslkey: absolute(side.sslkey),
  });
  const http = <T extends { ca: string | null }>(service: T): T => ({ ...service, ca: absolute(service.ca) });
  const { tls, sasl } = config.kafka;
  return {
    ...config,
    source: postgres(config.source),
    sink: postgres(config.sink),
    kafka: {
      ...config.kafka,
      tls: tls && { ca: absolute(tls.ca), cert: absolute(tls.cert), key: absolute(tls.key) },
      sasl: sasl?.mechanism === 'OAUTHBEARER' ? http(sasl) : sasl,
    },
    connect: http(config.connect),
    registry: config.registry && http(config.registry),
  };
}

const REFERENCE = /^\$\{(env|file):(.+)\}$/;

/** The effective configuration for people: each secret is masked, and its source is named. */
export function printable(config: ExternalConfig): unknown {
  return JSON.parse(JSON.stringify(config), (_, value: unknown) => {
    const [, kind, name = ''] = typeof value === 'string' ? (REFERENCE.exec(value) ?? []) : [];
    if (kind === 'file') return `*** (the file ${name})`;
    if (kind === undefined) return value;
    return `*** (${name}, which is ${process.env[name] ? 'set' : 'not set'})`;
  });
}
