import { type FileHandle, open, rm } from 'node:fs/promises';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { UnavailableError, UsageError } from '../errors.ts';

/** A file that is created before its content is known, and removed if no content is ever written. */
export class NewFile implements AsyncDisposable {
  readonly path: string;
  readonly #handle: FileHandle;
  #isFilled = false;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Only the user may read it: it will hold values. @throws UsageError if it is there already or cannot be made. */
  static async make(path: string): Promise<NewFile> {
    const handle = await open(path, 'wx', 0o600).catch((cause: unknown) => {
      throw new UsageError(
        `${path} cannot be written: ${messageOf(cause)}`,
        'Name a file that does not exist yet.',
      );
    });
    return new NewFile(path, handle);
  }

  async fill(text: string): Promise<void> {
    try {
      await this.#handle.writeFile(text);
      this.#isFilled = true;
    } catch (cause) {
      throw new UnavailableError(
        `${this.path} could not be written: ${messageOf(cause)}`,
        'Make room there, or name a file elsewhere.',
        cause,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    if (!this.#isFilled) await rm(this.path, { force: true });
  }
}
