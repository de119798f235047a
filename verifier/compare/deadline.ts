import type { Database } from '../connection/postgres.ts';
import { durationText } from '../units.ts';

/** A statement, or a part of a table, took longer than its snapshot may live. */
export class Overrun extends Error {}

/** PostgreSQL's SQLSTATE `query_canceled`: here, the statement timeout. */
const CANCELED = '57014';

/** The time at which snapshots must end. The servers enforce it on every statement, the verifier between statements. */
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

  /** @throws Overrun if the time is over. */
  check(): void {
    if (this.leftMs <= 0) throw this.#overrun();
  }

  /**
   * Limits every later statement of these databases, which must be inside a transaction, to the time that is left now.
   * Call it again before each long statement.
   * @throws Overrun if the time is over.
   */
  async arm(...databases: readonly Database[]): Promise<void> {
    this.check();
    const left = Math.ceil(this.leftMs);
    const sql = `SELECT set_config('statement_timeout', '${left}ms', true)`;
    await Promise.all(databases.map((database) => database.query(sql)));
  }

  /** @returns Overrun if the error came from the time being over; otherwise the error itself. */
  explain(error: unknown): unknown {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (error instanceof Overrun || (code !== CANCELED && this.leftMs > 0)) return error;
    return this.#overrun(error);
  }

  #overrun(cause?: unknown): Overrun {
    const options = cause === undefined ? undefined : { cause };
    return new Overrun(
      `it took longer than the ${durationText(this.boundMs)} that a snapshot may live`,
      options,
    );
  }
}
