import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { historySchema } from './healed-history.ts';

/** Which two databases a memory is about. */
export interface PairIdentity {
  /** System identifier, oid and name of the database. */
  readonly source: string;
  readonly sink: string;
  /** Short and the same for the same pair: part of the file's name. */
  readonly name: string;
}

const keptSchema = z.object({
  /** Verifications of this pair so far. */
  verifications: z.int().nonnegative(),
  /** When the first of them was made. */
  since: z.iso.datetime().nullable(),
  healed: historySchema,
  /** By table: the keys of the watched rows, as JSON arrays, and their newest positions. */
  positions: z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), z.string()]))])),
});
/** What one verification leaves for the next. */
export type Kept = z.infer<typeof keptSchema>;

const VERSION = 1;
const fileSchema = keptSchema.extend({
  version: z.literal(VERSION),
  pair: z.object({ source: z.string(), sink: z.string() }),
});

/** What earlier verifications of one pair of databases have seen, in a file of the state folder. */
export class MemoryFile {
  readonly path: string;
  readonly #dir: string;
  readonly #pair: PairIdentity;

  constructor(stateDir: string, pair: PairIdentity) {
    this.#dir = stateDir;
    this.#pair = pair;
    this.path = join(stateDir, `verifier-memory-${pair.name}.json`);
  }

  /** @returns null where there is no file, or one that must not be used; `problem` then says why. */
  read(): { readonly kept: Kept | null; readonly problem: string | null } {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      const isNew = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      return isNew ? { kept: null, problem: null } : this.#refused(messageOf(error));
    }
    try {
      const raw: unknown = JSON.parse(text);
      const version = z.object({ version: z.unknown() }).parse(raw).version;
      if (version !== VERSION) return this.#refused(`it has version ${String(version)}, not ${VERSION}`);
      const { pair, ...kept } = fileSchema.parse(raw);
      const isOurs = pair.source === this.#pair.source && pair.sink === this.#pair.sink;
      return isOurs ? { kept, problem: null } : this.#refused('it is about another pair of databases');
    } catch {
      return this.#refused('it is not in the form in which it was written');
    }
  }

  /** Replaces the file, atomically. It is readable for its owner only, because it contains keys of rows. */
  write(kept: Kept): void {
    mkdirSync(this.#dir, { recursive: true });
    const { source, sink } = this.#pair;
    const next = `${this.path}.${process.pid}.next`;
    writeFileSync(next, JSON.stringify({ version: VERSION, pair: { source, sink }, ...kept }), {
      mode: 0o600,
    });
    renameSync(next, this.path);
  }

  #refused(why: string): { readonly kept: null; readonly problem: string } {
    return {
      kept: null,
      problem: `${this.path} is not used, because ${why}: earlier verifications are not known`,
    };
  }
}
