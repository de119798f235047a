import type { CheckContext } from '../check.ts';
import { partsOf } from '../observe/topic/topic-reader.ts';
import type { TableContent } from './comparison.ts';
import type { TopicLogView } from './topic-log-view.ts';

/** Whether the rows of a table were compared and are equal. False for a table that is not known. */
export async function rowsEqualNow(
  { evidence }: Pick<CheckContext, 'evidence'>,
  table: string | null,
): Promise<boolean> {
  const { tables } = await evidence.content();
  return isEqual(tables.find((own) => own.table.id === table));
}

/** Whether all tables were compared and are equal. */
export async function allRowsEqualNow({ evidence }: Pick<CheckContext, 'evidence'>): Promise<boolean> {
  const { tables } = await evidence.content();
  return tables.length > 0 && tables.every(isEqual);
}

function isEqual(content: TableContent | undefined): boolean {
  return content?.comparison?.equal === true;
}

/** How far the sink has come in a topic: the sum of its next offsets, or all changes seen if it keeps no offsets. */
export function handledIn(
  { processed, ordered }: Pick<TopicLogView, 'processed' | 'ordered'>,
  topic: string,
): bigint {
  if (processed === null) return BigInt(ordered.changes);
  return processed
    .filter(({ partition }) => partsOf(partition).topic === topic)
    .reduce((sum, { nextOffset }) => sum + nextOffset, 0n);
}
