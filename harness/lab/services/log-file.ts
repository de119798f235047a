import { closeSync, openSync, readSync, statSync } from 'node:fs';

const TAIL_LINES = 15;
const TAIL_BYTES = 16_384;

/** The last lines of a log, from byte `start` on. */
export function tail(path: string, start: number, lines: number = TAIL_LINES): string {
  const size = sizeOf(path);
  const from = Math.max(start, size - TAIL_BYTES);
  if (size <= from) return '';
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(size - from);
    const length = readSync(file, buffer, 0, buffer.length, from);
    return buffer.toString('utf8', 0, length).trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(file);
  }
}

/** Bytes; 0 for a file that does not exist. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
