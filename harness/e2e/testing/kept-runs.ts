import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunResult, runResultSchema } from '../../runner/result.ts';

/**
 * Runs that came out as they must, one file each, so that a long run goes on where it stopped: what is kept is not run again.
 * The folder is `CDC_LAB_KEPT` of the environment; without it nothing is kept.
 */
export class KeptRuns {
  readonly #dir: string | null;

  constructor(part: string, root = process.env.CDC_LAB_KEPT) {
    this.#dir = root === undefined || root === '' ? null : join(root, part);
    if (this.#dir !== null) mkdirSync(this.#dir, { recursive: true });
  }

  /** @returns undefined if that run is not kept. */
  get(name: string): RunResult | undefined {
    const file = this.#file(name);
    if (file === null || !existsSync(file)) return undefined;
    return runResultSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  }

  keep(name: string, run: RunResult): void {
    const file = this.#file(name);
    if (file !== null) writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`);
  }

  #file(name: string): string | null {
    return this.#dir === null ? null : join(this.#dir, `${name.replaceAll('/', '-')}.json`);
  }
}
