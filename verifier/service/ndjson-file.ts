import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';

/** A file with one JSON object per line, to which lines are appended, and which is rewritten as a whole now and then. */
export class NdjsonFile<T> {
  readonly #path: string;
  readonly #schema: z.ZodType<T>;
  #lines = 0;

  constructor(path: string, schema: z.ZodType<T>) {
    this.#path = path;
    this.#schema = schema;
  }

  /** Lines in the file, outdated and unreadable ones included. */
  get lines(): number {
    return this.#lines;
  }

  /** Reads the file. A line that does not match the schema, such as one torn by a kill, is left out. */
  read(): readonly T[] {
    mkdirSync(dirname(this.#path), { recursive: true });
    const text = existsSync(this.#path) ? readFileSync(this.#path, 'utf8') : '';
    const lines = text.split('\n').filter(Boolean);
    this.#lines = lines.length;
    return lines.flatMap((line) => this.#parse(line));
  }

  append(value: T): void {
    appendFileSync(this.#path, `${JSON.stringify(value)}\n`);
    this.#lines++;
  }

  /** Replaces the whole file, atomically. */
  rewrite(values: readonly T[]): void {
    const next = `${this.#path}.next`;
    writeFileSync(next, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    renameSync(next, this.#path);
    this.#lines = values.length;
  }

  #parse(line: string): readonly T[] {
    try {
      const parsed = this.#schema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  }
}
