import { join } from 'node:path';
import { type Report, reportSchema } from '../report.ts';
import { NdjsonFile } from './ndjson-file.ts';

/** The last reports, kept in a file, so that they outlive the verifier. Memory holds them as text. */
export class History {
  readonly #file: NdjsonFile<Report>;
  readonly #limit: number;
  #texts: readonly string[];
  #last: Report | undefined;

  /** Reads the file. A report that is torn, or of another schema version, is left out. */
  constructor(stateDir: string, limit: number) {
    this.#file = new NdjsonFile(join(stateDir, 'reports.ndjson'), reportSchema);
    this.#limit = limit;
    const reports = this.#file.read().slice(-limit);
    this.#texts = reports.map((report) => JSON.stringify(report));
    this.#last = reports.at(-1);
    // Appending to a torn last line would lose the next report.
    if (this.#file.lines > 0) this.#file.rewrite(reports);
  }

  get last(): Report | undefined {
    return this.#last;
  }

  /** Oldest first. */
  list(limit = this.#limit): readonly Report[] {
    return limit <= 0 ? [] : this.#texts.slice(-limit).map((text) => JSON.parse(text) as Report);
  }

  add(report: Report): void {
    this.#last = report;
    this.#texts = [...this.#texts, JSON.stringify(report)].slice(-this.#limit);
    if (this.#file.lines >= this.#limit * 2) this.#file.rewrite(this.list());
    else this.#file.append(report);
  }
}
