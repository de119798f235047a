import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/** Appends a line of JSON. Returns when it is on disk. */
export function appendDurably(target: string, line: unknown): void {
  mkdirSync(path.dirname(target), { recursive: true });
  // The leading newline ends a line that a kill cut off, which would otherwise swallow this one.
  const file = openSync(target, 'a', 0o600);
  try {
    writeSync(file, `\n${JSON.stringify(line)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The lines of such a file, without one that a kill cut off; none if there is no file. */
export function readLines<T>(file: string, schema: z.ZodType<T>): T[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((text) => parseLine(text, schema));
}

function parseLine<T>(text: string, schema: z.ZodType<T>): T[] {
  if (text === '') return [];
  try {
    return [schema.parse(JSON.parse(text))];
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return [];
    throw error;
  }
}
