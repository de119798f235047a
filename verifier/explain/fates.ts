import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type LifeRecord, placeOf, type RowLife } from './row-life.ts';

/** What became of a record at the sink. */
export type Fate =
  /** The sink's row or tombstone has this record's position: seen, not inferred. */
  | { readonly tag: 'standing' }
  /** It was applied, and a later record has replaced it since. `byOlder`: one with an older position, against the rule. */
  | { readonly tag: 'replaced'; readonly by: string; readonly byOlder: boolean }
  /** It is older than the table's last TRUNCATE: either applied and then removed, or kept out. */
  | { readonly tag: 'truncated' }
  | { readonly tag: 'suppressed'; readonly why: string }
  /** The tombstone after a delete: it exists for log compaction and changes nothing. */
  | { readonly tag: 'repeats-delete' }
  | { readonly tag: 'waiting' }
  | { readonly tag: 'dead-letter' }
  /** The sink committed the offset, but it does not have this record's change. */
  | { readonly tag: 'no-effect' }
  /** The sink keeps no positions, so it is unknown which records it applied. */
  | { readonly tag: 'unknown' };

export interface FatedRecord {
  readonly record: LifeRecord;
  readonly fate: Fate;
  /** The earlier record of this key with the same position; null if this one is the first. */
  readonly again: LifeRecord | null;
}

/** Works out what a sink that compares positions did with each record, and checks it against what the sink has. */
export function fatesOf(life: RowLife): readonly FatedRecord[] {
  const records = life.records ?? [];
  const deliveries = deliveriesOf(records);
  const applied: LifeRecord[] = [];
  const fates = records.map((record, i): FatedRecord => {
    const { first: again, nth } = deliveries[i] ?? { first: null, nth: 0 };
    const fate = fateOf(record, { life, again, nth, last: applied.at(-1) });
    if (fate.tag === 'standing') applied.push(record);
    return { record, again, fate };
  });
  return fates.map((one) => (one.fate.tag === 'standing' ? checked(one, applied, life) : one));
}

/**
 * For each record: the first record with its position, and how many such records came before it. A tombstone has the
 * position of its delete, so tombstones are counted separately.
 */
function deliveriesOf(records: readonly LifeRecord[]): { first: LifeRecord | null; nth: number }[] {
  const known = new Map<string, { readonly first: LifeRecord; count: number }>();
  return records.map((record) => {
    if (record.position === null) return { first: null, nth: 0 };
    const identity = `${record.position} ${record.op === null}`;
    const before = known.get(identity);
    if (before !== undefined) return { first: before.first, nth: before.count++ };
    known.set(identity, { first: record, count: 1 });
    return { first: null, nth: 0 };
  });
}

interface Seen {
  readonly life: RowLife;
  readonly again: LifeRecord | null;
  /** Repetitions of the same position before this one. */
  readonly nth: number;
  /** The last record that was applied. */
  readonly last: LifeRecord | undefined;
}

/** Fate of a record on arrival; `standing` then means that it was applied. A row that has its position proves it. */
function fateOf(record: LifeRecord, seen: Seen): Fate {
  const { life, again, last } = seen;
  const next = life.sinkOffsets.get(`${record.topic}/${record.partition}`);
  if (record.deadLetter) return { tag: 'dead-letter' };
  // The offset may have been read before the row.
  const isSeen = rowsOf(record, life) > seen.nth;
  // A sink of ours that has no offset, and has not caught up, has not begun this partition.
  const isNotBegun = !life.fence.passed && life.sink?.keepsPositions === true;
  const isBeyond = next === undefined ? isNotBegun : record.offset >= next;
  if (isBeyond && !isSeen) return { tag: 'waiting' };
  if (record.op === null && last?.op === 'd' && sameOrUnplaced(record, last))
    return { tag: 'repeats-delete' };
  if (life.sink?.keepsPositions !== true || record.position === null) return { tag: 'unknown' };
  if (rowsOf(record, life) > seen.nth) return { tag: 'standing' };
  // The row is from a repetition that came after a newer record: the sink applied it, against the rule.
  const isBack = last !== undefined && isOlder(record.position, last.position) && rowsOf(record, life) > 0;
  if (isBack) return { tag: 'standing' };
  // A sink that compares no positions applies every record, and says that it has suppressed nothing.
  const isGuarded = life.sink.suppressed?.get(`${record.topic}/${record.partition}`) !== 0;
  if (again !== null) {
    if (record.op === null) return { tag: 'repeats-delete' };
    const why = `the sink had its position already, from ${placeOf(again)}`;
    return isGuarded ? { tag: 'suppressed', why } : { tag: 'standing' };
  }
  const { truncate } = life.sink;
  if (truncate !== null && isOlder(record.position, truncate.position)) {
    return { tag: 'truncated' };
  }
  if (isGuarded && last !== undefined && isOlder(record.position, last.position)) {
    return { tag: 'suppressed', why: `it is older than ${placeOf(last)}, which was applied before` };
  }
  return { tag: 'standing' };
}

/** Whether a record that was applied on arrival is what the sink still has; if not, what replaced it. */
function checked(own: FatedRecord, applied: readonly LifeRecord[], life: RowLife): FatedRecord {
  const { record } = own;
  const later = applied.slice(applied.indexOf(record) + 1);
  const repeated = later.filter(({ op, position }) => op !== null && position === record.position).length;
  if (isCurrent(record, life) && (record.op === 'd' || record.op === null || repeated < rowsOf(record, life)))
    return own;
  const [following] = later;
  if (following !== undefined) {
    const byOlder = isOlder(following.position, record.position);
    return { ...own, fate: { tag: 'replaced', by: placeOf(following), byOlder } };
  }
  return { ...own, fate: { tag: record.isPlaced ? 'no-effect' : 'unknown' } };
}

function isCurrent(record: LifeRecord, life: RowLife): boolean {
  const { sink } = life;
  if (sink === undefined) return false;
  if (record.op !== 'd' && record.op !== null) return rowsOf(record, life) > 0;
  // The sink drops its note of a delete once the topic can no longer bring the row back.
  return sink.rows.length === 0 && (sink.tombstone === null || sink.tombstone.position === record.position);
}

/** How many rows of the sink this record wrote, by its position, or by its LSN if it carries no position. */
function rowsOf(record: LifeRecord, { sink }: RowLife): number {
  if (record.op === 'd' || record.op === null) return 0;
  const own = sink?.rows.filter(({ metadata }) =>
    record.isPlaced
      ? metadata[METADATA_COLUMNS.position] === record.position
      : metadata[METADATA_COLUMNS.lsn] === record.lsn && metadata[METADATA_COLUMNS.op] === record.op,
  );
  return own?.length ?? 0;
}

function sameOrUnplaced(record: LifeRecord, last: LifeRecord): boolean {
  return record.position === null || record.position === last.position;
}

/** False also if the two cannot be compared: one is absent, or they are of different kinds. */
export function isOlder(position: string | null, than: string | null): boolean {
  if (position === null || than === null || position.length !== than.length) return false;
  return position < than;
}
