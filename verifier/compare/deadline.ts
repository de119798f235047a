import type { Database } from '../connection/postgres.ts';
import { Overrun } from './part-size.ts';

/** PostgreSQL's `query_canceled`: here, the statement time-out. */
const CANCELED = '57014';

/** When snapshots must end. The servers hold every statement to it, and so does the verifier between two of them. */
export class Deadline {
  readonly atMs: number;
  readonly boundMs: number;

  /** @param sinceMs When the snapshot's life began, on the clock of `performance.now()`. */
  constructor(boundMs: number, sinceMs = performance.now()) {
    this.boundMs = boundMs;
    this.atMs = sinceMs + boundMs;
  }

  get leftMs(): number {
    return this.atMs - performance.now();
  }

  /** @throws Overrun where the time is over. */
  check(): void {
    if (this.leftMs <= 0)
      throw new Overrun(`it took longer than the ${this.boundMs} ms that a snapshot may live`);
  }

  /** For databases inside a transaction: what they run from now on ends in time. To be called before a long statement. */
  async arm(...databases: readonly Database[]): Promise<void> {
    this.check();
    const left = Math.ceil(this.leftMs);
    const sql = `SELECT set_config('statement_timeout', '${left}ms', true)`;
    await Promise.all(databases.map((database) => database.query(sql)));
  }

  /** @returns what the error means: that the time was over, or itself. */
  explain(error: unknown): unknown {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (error instanceof Overrun || (code !== CANCELED && this.leftMs > 0)) return error;
    return new Overrun(`it took longer than the ${this.boundMs} ms that a snapshot may live`, {
      cause: error,
    });
  }
}
