import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { LabError } from '../contract/errors.ts';
import { accept } from '../contract/mistake.ts';

/** What a connector should be doing: Connect's target states. */
export const TARGETS = ['STARTED', 'PAUSED', 'STOPPED'] as const;
export type Target = (typeof TARGETS)[number];

/** What the worker stores of a connector. */
export interface StoredConnector {
  /** The configuration as it was given: placeholders are not resolved, so the file holds no secret. */
  readonly config: Readonly<Record<string, string>>;
  readonly target: Target;
}

const schema = z.object({
  version: z.literal(1),
  connectors: z.record(
    z.string(),
    z.object({ config: z.record(z.string(), z.string()), target: z.enum(TARGETS) }),
  ),
});

/**
 * Configurations and target states in one file. It is replaced atomically: a kill leaves the old file or the new one.
 */
export class ConnectorStore {
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Empty if there is no file. @throws LabError CDC-3002 if the file is not readable or not valid. */
  async load(): Promise<Map<string, StoredConnector>> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
      throw this.#unreadable(error);
    }
    try {
      return new Map(Object.entries(accept(schema, JSON.parse(text), 'the file').connectors));
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  /** Resolves when the file is on disk. Concurrent calls are carried out one after the other. */
  save(connectors: ReadonlyMap<string, StoredConnector>): Promise<void> {
    const text = `${JSON.stringify({ version: 1, connectors: Object.fromEntries(connectors) }, null, 2)}\n`;
    const saved = this.#last.then(() => replaceFile(this.#path, text));
    // The next call goes on after a failure. The caller handles it.
    this.#last = saved.catch(() => undefined);
    return saved;
  }

  #unreadable(cause: unknown): LabError {
    return new LabError('CDC-3002', `The connector configurations in ${this.#path} cannot be read.`, {
      remedy: 'Repair the file, or remove it and create the connectors again.',
      cause,
    });
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
