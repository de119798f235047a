import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { LabError } from '../contract/errors.ts';

/** What a connector ought to be doing, as Connect's target states. */
export const TARGETS = ['STARTED', 'PAUSED', 'STOPPED'] as const;
export type Target = (typeof TARGETS)[number];

export interface StoredConnector {
  /** Placeholders and all: no secret is resolved here. */
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

/** Configurations and target states in one file, which is replaced as a whole: a kill leaves the old or the new. */
export class ConnectorStore {
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws LabError CDC-3002 for a file that cannot be read as one. */
  async load(): Promise<Map<string, StoredConnector>> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
      throw this.#unreadable(error);
    }
    try {
      return new Map(Object.entries(schema.parse(JSON.parse(text)).connectors));
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  /** Resolves when the file is on disk. Calls are carried out one after the other. */
  save(connectors: ReadonlyMap<string, StoredConnector>): Promise<void> {
    const text = `${JSON.stringify({ version: 1, connectors: Object.fromEntries(connectors) }, null, 2)}\n`;
    const saved = this.#last.then(() => replaceFile(this.#path, text));
    // The chain goes on after a failure, which is the caller's to handle.
    this.#last = saved.catch(() => undefined);
    return saved;
  }

  #unreadable(cause: unknown): LabError {
    return new LabError('CDC-3002', `The connector configurations in ${this.#path} cannot be read.`, {
      remedy: 'Repair the file or remove it; the connectors are then to be created again.',
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
