import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { historySchema } from './healed-history.ts';

/** Which pipeline between which two databases a memory is about. */
export interface PairIdentity {
  /** System identifier, oid and name of the database. */
  readonly source: string;
  readonly sink: string;
  /** What distinguishes the pipeline from others between the two databases. */
  readonly pipeline: string;
  /** Short and the same for the same three: part of the file's name. */
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
  /** Ids of the topics, by name, as far as the broker tells them. */
  topicIds: z.record(z.string(), z.string()),
});
/** What one verification leaves for the next. */
export type Kept = z.infer<typeof keptSchema>;

const VERSION = 2;
const fileSchema = keptSchema.extend({
  version: z.literal(VERSION),
  pair: z.object({ source: z.string(), sink: z.string(), pipeline: z.string() }),
});

/** If nothing changes but the number of verifications, the file is this old at most. */
const COUNTED_EVERY_MS = 60_000;
/** A file that was to replace another, and is older, was left by a process that died. */
const LEFT_AFTER_MS = 60_000;

/** What earlier verifications of one pair of databases have seen, in a file of the state folder. */
export class MemoryFile {
  readonly path: string;
  readonly #dir: string;
  readonly #name: string;
  readonly #pair: PairIdentity;
  #written: { readonly hash: string; readonly atMs: number } | null = null;

  constructor(stateDir: string, pair: PairIdentity) {
    this.#dir = stateDir;
    this.#pair = pair;
    this.#name = `verifier-memory-${pair.name}.json`;
    this.path = join(stateDir, this.#name);
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
      const { source, sink, pipeline } = this.#pair;
      const isOurs = pair.source === source && pair.sink === sink && pair.pipeline === pipeline;
      return isOurs ? { kept, problem: null } : this.#refused('it is about another pair of databases');
    } catch {
      return this.#refused('it is not in the form in which it was written');
    }
  }

  /**
   * Replaces the file, atomically, if anything has changed but the number of verifications, or that was written long ago.
   * It is readable for its owner only, because it contains keys of rows.
   */
  async write({ verifications, ...kept }: Kept): Promise<void> {
    const { source, sink, pipeline } = this.#pair;
    const content = JSON.stringify({ version: VERSION, pair: { source, sink, pipeline }, ...kept });
    const now = { hash: hash('sha256', content), atMs: performance.now() };
    const was = this.#written;
    if (was !== null && was.hash === now.hash && now.atMs - was.atMs < COUNTED_EVERY_MS) return;
    await mkdir(this.#dir, { recursive: true });
    if (was === null) await this.#removeLeft();
    const next = `${this.path}.${process.pid}.next`;
    try {
      await writeFile(next, `${content.slice(0, -1)},"verifications":${verifications}}`, { mode: 0o600 });
      await rename(next, this.path);
    } catch (error) {
      await rm(next, { force: true }).catch(() => undefined);
      throw error;
    }
    this.#written = now;
  }

  /** Removes what processes left that died before they had replaced the file. */
  async #removeLeft(): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      if (!name.startsWith(`${this.#name}.`) || !name.endsWith('.next')) continue;
      const path = join(this.#dir, name);
      // Another verifier may have renamed it by now.
      const mtimeMs = await stat(path).then(
        (found) => found.mtimeMs,
        () => Date.now(),
      );
      if (Date.now() - mtimeMs > LEFT_AFTER_MS) await rm(path, { force: true });
    }
  }

  #refused(why: string): { readonly kept: null; readonly problem: string } {
    return {
      kept: null,
      problem: `${this.path} is not used, because ${why}: earlier verifications are not known`,
    };
  }
}
