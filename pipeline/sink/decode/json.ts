import { messageOf } from '../../contract/errors.ts';
import { RecordError } from './record-error.ts';

/** A whole number that a double cannot hold, as it was written. */
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

/** `JSON.parse` with source text access (ECMA-262, 2025), which TypeScript's library does not declare yet. */
type SourceReviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

const keepExact: SourceReviver = (_key, value, context) =>
  typeof value === 'number' &&
  Number.isInteger(value) &&
  !Number.isSafeInteger(value) &&
  context.source !== undefined
    ? new ExactNumber(context.source)
    : value;

/**
 * Parses JSON. In the members named by `exact`, whole numbers beyond 2^53 become an {@link ExactNumber}.
 * @throws RecordError if the text is not JSON.
 */
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
  // The first parse is right for nearly every record; parse again only if a digit could have been lost.
  return unsafe
    ? JSON.parse(text, keepExact as (this: unknown, key: string, value: unknown) => unknown)
    : value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The index after the JSON value that starts at `start`, or after white space there. */
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
 * The byte length of `{"schema":…,"payload":`, which is the same in every record of a table.
 * Undefined if the bytes do not start so.
 */
export function schemaPrefixLength(bytes: Buffer): number | undefined {
  const head = /^\s*\{\s*"schema"\s*:\s*/.exec(bytes.toString('latin1', 0, 64))?.[0];
  if (head === undefined) return undefined;
  const end = endOfValue(bytes, head.length);
  const tail = /^\s*,\s*"payload"\s*:/.exec(bytes.toString('latin1', end, end + 64))?.[0];
  return tail === undefined ? undefined : end + tail.length;
}
