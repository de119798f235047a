import { compareInParts, type Outcome } from './compare-in-parts.ts';
import { type Copy, type ExactOptions, ExactWindow } from './exact-window.ts';

/**
 * Compares tables exactly while writes go on, in as many windows as the snapshots' bound makes necessary: a table that
 * takes longer is compared in ranges of its primary key, each in a window of its own.
 */
export async function compareExactly(
  tables: readonly Copy[],
  options: ExactOptions,
  maxAttempts: number,
): Promise<Outcome> {
  return await compareInParts(tables, (open) => ExactWindow.open(open, options), { ...options, maxAttempts });
}
