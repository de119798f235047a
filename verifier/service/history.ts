import { join } from 'node:path';
import { type Report, reportSchema } from '../report.ts';
import { NdjsonFile } from './ndjson-file.ts';

/** The last reports, kept in a file, so that they outlive the verifier. */
export class History {
  readonly #file: NdjsonFile<Report>;
  readonly #limit: number;
  #reports: readonly Report[];

  /** Reads the file. A report that is torn, or of another schema version, is left out. */
  constructor(stateDir: string, limit: number) {
    this.#file = new NdjsonFile(join(stateDir, 'reports.ndjson'), reportSchema);
    this.#limit = limit;
    this.#reports = this.#file.read().slice(-limit);
    // Appending to a torn last line would lose the next report.
    if (this.#file.lines > 0) this.#file.rewrite(this.#reports);
  }

  get last(): Report | undefined {
    return this.#reports.at(-1);
  }

  /** Oldest first. */
  list(limit = this.#limit): readonly Report[] {
    return limit <= 0 ? [] : this.#reports.slice(-limit);
  }

  add(report: Report): void {
    this.#reports = [...this.#reports, report].slice(-this.#limit);
    if (this.#file.lines >= this.#limit * 2) this.#file.rewrite(this.#reports);
    else this.#file.append(report);
  }
}
