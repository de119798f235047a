import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Report, reportSchema } from '../report.ts';

/** The last reports, on disk as NDJSON, so that they outlive the verifier. */
export class History {
  readonly #path: string;
  readonly #limit: number;
  #reports: Report[];
  #lines: number;

  /** Reads what is there; a line torn by a kill, or of another schema version, is left out. */
  constructor(stateDir: string, limit: number) {
    mkdirSync(stateDir, { recursive: true });
    this.#path = join(stateDir, 'reports.ndjson');
    this.#limit = limit;
    const lines = existsSync(this.#path) ? readFileSync(this.#path, 'utf8').split('\n').filter(Boolean) : [];
    this.#reports = lines.flatMap(parseLine).slice(-limit);
    this.#lines = lines.length;
    // A torn last line must not swallow the next report.
    if (lines.length > 0) this.#rewrite();
  }

  get last(): Report | undefined {
    return this.#reports.at(-1);
  }

  /** Oldest first. */
  list(limit = this.#limit): readonly Report[] {
    return limit <= 0 ? [] : this.#reports.slice(-limit);
  }

  add(report: Report): void {
    this.#reports.push(report);
    if (this.#reports.length > this.#limit) this.#reports = this.#reports.slice(-this.#limit);
    if (this.#lines >= this.#limit * 2) {
      this.#rewrite();
      return;
    }
    appendFileSync(this.#path, `${JSON.stringify(report)}\n`);
    this.#lines++;
  }

  #rewrite(): void {
    const next = `${this.#path}.next`;
    writeFileSync(next, this.#reports.map((report) => `${JSON.stringify(report)}\n`).join(''));
    renameSync(next, this.#path);
    this.#lines = this.#reports.length;
  }
}

function parseLine(line: string): Report[] {
  try {
    const parsed = reportSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
