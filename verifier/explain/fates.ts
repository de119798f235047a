import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type LifeRecord, placeOf, type RowLife } from './row-life.ts';

/** What became of a record at the sink. */
export type Fate =
  /** The row, or the tombstone, that stands has its position: seen, not inferred. */
  | { readonly tag: 'standing' }
  /** Applied when it came, by the rule that an older position never wins; a later record has taken its place. */
  | { readonly tag: 'replaced'; readonly by: string }
  | { readonly tag: 'suppressed'; readonly why: string }
  /** A tombstone behind its delete: it is there for log compaction, and has nothing to do. */
  | { readonly tag: 'repeats-delete' }
  | { readonly tag: 'waiting' }
  | { readonly tag: 'dead-letter' }
  /** The sink has done the offset, and what stands is not what this record says. */
  | { readonly tag: 'no-effect' }
  /** The sink keeps no positions: which record it applied cannot be told. */
  | { readonly tag: 'unknown' };

export interface FatedRecord {
  readonly record: LifeRecord;
  readonly fate: Fate;
  /** The record of this key that had the same position first; null where this one is the first. */
  readonly again: LifeRecord | null;
}

/** Says of each record what a sink that compares positions made of it, checked against what stands there. */
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

/** Of each record the first one that has its position and is of its kind, and how many of these came before. */
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
  /** Deliveries of the same position before this one. */
  readonly nth: number;
  /** The last record that was applied. */
  readonly last: LifeRecord | undefined;
}

/** `standing` means here: applied when it came. What is seen to stand needs no rule to say so. */
function fateOf(record: LifeRecord, seen: Seen): Fate {
  const { life, again, last } = seen;
  const next = life.sinkOffsets.get(`${record.topic}/${record.partition}`);
  if (record.deadLetter) return { tag: 'dead-letter' };
  if (next !== undefined && record.offset >= next) return { tag: 'waiting' };
  if (record.op === null && last?.op === 'd' && sameOrUnplaced(record, last))
    return { tag: 'repeats-delete' };
  if (life.sink?.keepsPositions !== true || record.position === null) return { tag: 'unknown' };
  if (rowsOf(record, life) > seen.nth) return { tag: 'standing' };
  if (again !== null) {
    if (record.op === null) return { tag: 'repeats-delete' };
    return { tag: 'suppressed', why: `the same position came before, at ${placeOf(again)}` };
  }
  const { truncate } = life.sink;
  if (truncate !== null && isOlder(record.position, truncate.position)) {
    return { tag: 'suppressed', why: "below the table's TRUNCATE watermark: emptied with it, or not let in" };
  }
  if (last !== undefined && isOlder(record.position, last.position)) {
    return { tag: 'suppressed', why: `older position than what stood, ${placeOf(last)}` };
  }
  return { tag: 'standing' };
}

/** A record that was applied when it came: does it still stand, and if not, what took its place? */
function checked(own: FatedRecord, applied: readonly LifeRecord[], life: RowLife): FatedRecord {
  const { record } = own;
  if (stands(record, life)) return own;
  const following = applied[applied.indexOf(record) + 1];
  if (following !== undefined) return { ...own, fate: { tag: 'replaced', by: placeOf(following) } };
  return { ...own, fate: { tag: record.isPlaced ? 'no-effect' : 'unknown' } };
}

function stands(record: LifeRecord, life: RowLife): boolean {
  const { sink } = life;
  if (sink === undefined) return false;
  if (record.op !== 'd' && record.op !== null) return rowsOf(record, life) > 0;
  // A tombstone is forgotten when its topic can no longer bring the row back.
  return sink.rows.length === 0 && (sink.tombstone === null || sink.tombstone.position === record.position);
}

/** Rows of the sink that this record wrote, by its position; by its LSN where it has no position of its own. */
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

/** False where the two cannot be compared: one has none, or they are of different kinds. */
export function isOlder(position: string | null, than: string | null): boolean {
  if (position === null || than === null || position.length !== than.length) return false;
  return position < than;
}
