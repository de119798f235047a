import type { Logger } from '../contract/connector.ts';
import { isAboutData, withoutQuoted } from '../contract/postgres-said.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** Removes secrets from a line before it is written. */
  readonly redact: (line: string) => string;
  readonly write: (line: string) => void;
}

/** Writes one JSON object per line: `at`, `level`, `message`, then the fixed fields and those of the call. */
export function createLogger(options: LogOptions, fixed: Readonly<Record<string, unknown>> = {}): Logger {
  const least = LOG_LEVELS.indexOf(options.level);
  const log = (level: LogLevel) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    if (LOG_LEVELS.indexOf(level) < least) return;
    const line = JSON.stringify({ at: new Date().toISOString(), level, message, ...fixed, ...fields }, plain);
    options.write(options.redact(line));
  };
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}

/** Converts what JSON cannot hold: LSNs are bigints, and an error's message is not enumerable. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return traceOf(value);
  return value;
}

/** An error and its causes as one text, like Connect's `trace`. Only unexpected errors have their stack in it. */
export function traceOf(error: unknown): string {
  const seen = new Set<unknown>();
  const parts: string[] = [];
  for (let at = error; at !== undefined && at !== null && !seen.has(at); ) {
    seen.add(at);
    parts.push(describe(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join('\nCaused by: ');
}

const stackOf = (error: Error): string => error.stack ?? `${error.name}: ${error.message}`;

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('remedy' in error && 'code' in error) return `${error.code}: ${error.message} ${error.remedy}`;
  if (!isAboutData((error as { code?: unknown }).code)) return stackOf(error);
  return stackOf(error).replace(error.message, withoutQuoted(error.message));
}
