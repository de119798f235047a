import { messageOf } from '../../contract/errors.ts';
import { RecordError } from './record-error.ts';

/** A JSON number whose value a double cannot hold, as it was written. */
export class ExactNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasUnsafeNumber(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
  if (typeof value !== 'object' || value === null) return false;
  for (const child of Array.isArray(value) ? value : Object.values(value)) {
    if (hasUnsafeNumber(child)) return true;
  }
  return false;
}

/** `JSON.parse`'s source text access (ECMA-262, 2025): TypeScript's library does not know it yet. */
type SourceReviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

const keepExact: SourceReviver = (_key, value, context) =>
  typeof value === 'number' &&
  Number.isInteger(value) &&
  !Number.isSafeInteger(value) &&
  context.source !== undefined
    ? new ExactNumber(context.source)
    : value;

/** Parses JSON; where one of `exact` holds a whole number beyond 2^53 it becomes an {@link ExactNumber}. */
export function parseJson(text: string, exact: readonly string[] | 'all'): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RecordError(`not JSON: ${messageOf(cause)}`, { cause });
  }
  const unsafe =
    exact === 'all' || !isObject(value)
      ? hasUnsafeNumber(value)
      : exact.some((key) => hasUnsafeNumber((value as JsonObject)[key]));
  // The fast parse is right for nearly every record, so the slow one runs only where a digit could be lost.
  return unsafe
    ? JSON.parse(text, keepExact as (this: unknown, key: string, value: unknown) => unknown)
    : value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Index after the JSON value that starts at `start` (white space before it allowed). */
function endOfValue(bytes: Buffer, start: number): number {
  let depth = 0;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i++;
      while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
      if (depth === 0) return i + 1;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth++;
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
      if (depth === 0) return i + 1;
      if (depth < 0) return i;
    } else if (depth === 0 && byte === 0x2c) {
      return i;
    }
  }
  return bytes.length;
}

/**
 * Byte length of `{"schema":…,"payload":` where the value starts so: what is the same in every record of a table.
 * Undefined where it has another form.
 */
export function schemaPrefixLength(bytes: Buffer): number | undefined {
  const head = /^\s*\{\s*"schema"\s*:\s*/.exec(bytes.toString('latin1', 0, 64))?.[0];
  if (head === undefined) return undefined;
  const end = endOfValue(bytes, head.length);
  const tail = /^\s*,\s*"payload"\s*:/.exec(bytes.toString('latin1', end, end + 64))?.[0];
  return tail === undefined ? undefined : end + tail.length;
}
