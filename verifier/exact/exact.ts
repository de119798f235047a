import type { Lsn } from '../../pipeline/contract/lsn.ts';
import type { TableComparison } from '../compare/table.ts';
import { type Copy, compareInWindow, type ExactOptions, NotExact } from './window.ts';

/** What exact comparisons said, all attempts together. */
export interface ExactOutcome {
  /** By the source's id: a comparison, or why the table could not be read. */
  readonly tables: ReadonlyMap<string, TableComparison | Error>;
  /** Tables that could not be compared exactly in any attempt, and why. */
  readonly notExact: ReadonlyMap<string, NotExact>;
  readonly attempts: number;
  /** From the first snapshot of the source to the last position that was watched; null where no attempt came so far. */
  readonly window: { readonly fromLsn: Lsn; readonly toLsn: Lsn; readonly durationMs: number } | null;
  /** Keys that were written while a window was open. */
  readonly touchedKeys: number;
}

/**
 * Compares tables exactly while writes go on. What disturbs one attempt (DDL, a TRUNCATE, a broken connection) need
 * not disturb the next, so there are several; what cannot get better (a privilege that is lacking) has one.
 */
export async function compareExactly(
  tables: readonly Copy[],
  options: ExactOptions,
  maxAttempts: number,
): Promise<ExactOutcome> {
  const done = new Map<string, TableComparison | Error>();
  const notExact = new Map<string, NotExact>();
  let window = null as ExactOutcome['window'];
  let [attempts, touchedKeys] = [0, 0];
  for (let open = tables; open.length > 0 && attempts < maxAttempts; ) {
    options.signal.throwIfAborted();
    attempts++;
    try {
      const one = await compareInWindow(open, options);
      touchedKeys += one.touchedKeys;
      const { fromLsn, toLsn, durationMs } = one;
      window = {
        fromLsn: window?.fromLsn ?? fromLsn,
        toLsn,
        durationMs: (window?.durationMs ?? 0) + durationMs,
      };
      for (const [id, answer] of one.tables) {
        if (answer instanceof NotExact) notExact.set(id, answer);
        else {
          done.set(id, answer);
          notExact.delete(id);
        }
      }
    } catch (error) {
      const reason = error instanceof NotExact ? error : new NotExact(String(error));
      for (const { id } of open) notExact.set(id, reason);
      if (!reason.mayPass) break;
    }
    open = open.filter(({ id }) => notExact.has(id));
  }
  return { tables: done, notExact, attempts, window, touchedKeys };
}
