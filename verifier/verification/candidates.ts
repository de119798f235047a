import type { StateSpan } from '../compare/settle.ts';
import type { TopicRecord } from '../observe/topic/topic-history.ts';

/** Which records of a key count for the state that the comparison saw. */
export interface Candidates {
  /** The last change of the key before the end of the span, by position. */
  readonly last: TopicRecord | undefined;
  /** The last change that the sink must have applied; undefined if the topic has none. */
  readonly applied: TopicRecord | undefined;
  /** What a faithful sink shows is by one of these: `applied`, and the changes in the span. */
  readonly shown: readonly TopicRecord[];
  /** What a faithful capture has written for the source's state is one of these. */
  readonly carried: readonly TopicRecord[];
}

/**
 * Chooses, of a key's records, the ones against which the comparison's states are to be held. The topic is read later
 * than the databases were compared: a record of a later commit says nothing about what was compared.
 * @param records Records of the key, oldest first.
 * @param span Null if nobody wrote: then the last record counts.
 */
export function candidatesOf(records: readonly TopicRecord[], span: StateSpan | null): Candidates {
  const changes = records.filter(({ event }) => event !== null);
  const all = changes.length > 0 ? changes : records;
  if (span === null) {
    const last = lastOf(all);
    return { last, applied: last, shown: listOf(last), carried: listOf(last) };
  }
  const before = all.filter(({ lsn }) => lsn === null || lsn < span.to);
  const last = lastOf(before);
  const applied = lastOf(before.filter(({ lsn }) => lsn === null || lsn < span.from));
  const within = before.filter(({ lsn }) => lsn !== null && lsn >= span.from);
  const shown = [...listOf(applied), ...within];
  // Without a position the commit is not known exactly: the last change may be later than the span.
  const isPlaced = before.every(({ position }) => position !== null);
  return { last, applied, shown, carried: isPlaced ? shown : before };
}

/** The last change, by position if the records have one: a repeated record is not newer because it came again. */
function lastOf(records: readonly TopicRecord[]): TopicRecord | undefined {
  return records.reduce<TopicRecord | undefined>((latest, record) => {
    const older = latest?.position != null && record.position !== null && record.position < latest.position;
    return older ? latest : record;
  }, undefined);
}

function listOf(record: TopicRecord | undefined): readonly TopicRecord[] {
  return record === undefined ? [] : [record];
}
