import type { CheckContext } from '../check.ts';
import { partsOf } from '../observe/topic/topic-reader.ts';
import type { TableContent } from './comparison.ts';
import type { CumulativeLook } from './healed-history.ts';
import type { TopicLogView } from './topic-log-view.ts';

/** A fault whose evidence stays when the rows are right again. */
export interface LastingFault extends Pick<CumulativeLook, 'counts' | 'ids' | 'times'> {
  /** Names the check and what is counted. */
  readonly subject: string;
  /** The table that it concerns. Null: no single one, so that all tables must be equal. */
  readonly table: string | null;
  /** A topic, or a partition of one (`topic/partition`), in which further changes show that the fault is over. Null: any. */
  readonly handledIn: string | null;
}

/**
 * Whether a fault is over: an earlier verification has reported it, its rows are equal now, and nothing was added to it
 * since ({@link HealedHistory}). Never true for a verification that remembers no earlier one.
 */
export async function isHistory(
  { evidence, memory }: Pick<CheckContext, 'evidence' | 'memory'>,
  { subject, table, handledIn, ...fault }: LastingFault,
): Promise<boolean> {
  if (memory === undefined) return false;
  // Without the topics it is not known what was handled since.
  const log = await evidence.topicLog().catch(() => undefined);
  if (log === undefined || (log !== null && log.problem !== '')) return false;
  const { tables } = await evidence.content();
  const own = table === null ? tables : tables.filter((one) => one.table.id === table);
  return memory.healed.isHealed(subject, {
    ...fault,
    handled: log === null ? 0n : handled(log, handledIn),
    rowsEqual: own.length > 0 && own.every(isEqual),
    isComplete: log?.complete ?? true,
  });
}

/** A check has found nothing wrong with the subject: what it finds from now on is another fault. */
export function hasNone({ memory }: Pick<CheckContext, 'memory'>, subject: LastingFault['subject']): void {
  memory?.healed.clear(subject);
}

/** A fault that is over, as a check tells it. */
export function asHistory(detail: string, rows = 'its rows are'): string {
  return `healed: ${detail}; ${rows} equal now`;
}

function isEqual({ comparison }: TableContent): boolean {
  return comparison?.equal === true;
}

/** How far the sink has come: the sum of its next offsets, or all changes seen if it keeps no offsets. */
function handled({ processed, ordered }: TopicLogView, within: string | null): bigint {
  if (processed === null) return BigInt(ordered.changes);
  return processed
    .filter(({ partition }) => within === null || partition === within || partsOf(partition).topic === within)
    .reduce((sum, { nextOffset }) => sum + nextOffset, 0n);
}
