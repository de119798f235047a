import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type Conclusion, failed, right, undecided } from './conclusion.ts';
import { type FatedRecord, isOlder } from './fates.ts';
import { lostAtSource, lostOnTheWay } from './loss.ts';
import { isOfSecondReading, placeOf, type RowLife, type StoredRow } from './row-life.ts';
import { newestOf, type Target, targetOf } from './target.ts';

/**
 * Judges one row. The source was read before the fence, and the sink after it. So the sink must have at least what the
 * source had; something newer in the sink is no fault.
 */
export function conclude(life: RowLife, fates: readonly FatedRecord[]): Conclusion {
  const commits = (life.commits ?? []).filter(({ outcome }) => outcome === 'ok');
  const last = commits.at(-1);
  if (life.sink === undefined) return undecided('the sink could not be read');
  if (life.source === undefined && last === undefined) return undecided('the source could not be read');
  const isUnknownKey = commits.length === 0 && fates.length === 0;
  if (isUnknownKey && life.source === null && life.sink.rows.length === 0) {
    return undecided('there is no trace of this key in the source, the topic or the sink');
  }
  if (life.isMoving) return undecided('the row appeared, disappeared or changed each time it was read');
  const lost = lostAtSource(life, last, fates);
  if (lost !== null) return lost;
  if (life.sink.rows.length > 1) return duplicated(life.sink.rows);
  const isSecond = isOfSecondReading(life.sink.rows[0], life.sourceAfter);
  const target = targetOf({ ...life, source: isSecond ? life.sourceAfter : life.source }, last, fates);
  if (target.row === null) return concludeGone(life, target, fates);
  return concludeAlive(life, target, fates);
}

function duplicated(rows: readonly StoredRow[]): Conclusion {
  const positions = new Set(rows.map(({ metadata }) => metadata[METADATA_COLUMNS.position]));
  const why =
    positions.size < rows.length
      ? 'a record that was resent was written again'
      : 'each event was written as a separate row';
  return failed(
    'duplicate',
    'sink',
    `the sink has ${rows.length} rows with this key (${why}): duplicated by the sink`,
  );
}

/** The source has the row. */
function concludeAlive(life: RowLife, target: Target, fates: readonly FatedRecord[]): Conclusion {
  const [row] = life.sink?.rows ?? [];
  const what = target.version === null ? 'the latest state' : `version ${target.version}`;
  const held = row?.version ?? null;
  if (row !== undefined && isUpToDate(life, target, row)) {
    if (life.differing.length > 0 && held === target.version) return corrupted(life, target, what);
    return arrived(fates, held, target);
  }
  const name = row === undefined ? 'missing' : 'stale';
  return lostOnTheWay(life, target, { what, state: stateOf(row, target), class: name });
}

function stateOf(row: StoredRow | undefined, { version }: Target): string {
  if (row === undefined) return 'the row is not in the sink';
  if (row.version === null || version === null) return 'the sink has an older state of the row';
  if (row.version < version) return `the sink has version ${row.version}`;
  return `the sink has version ${row.version}, which the source does not have`;
}

function isUpToDate(life: RowLife, { version, carried }: Target, row: StoredRow): boolean {
  if (version !== null && row.version !== null) {
    // The source was read before and after the sink: a faithful copy is between the two.
    const newest = life.sourceAfter?.version ?? Number.POSITIVE_INFINITY;
    return row.version >= version && row.version <= newest;
  }
  if (life.differing.length > 0) {
    const position = row.metadata[METADATA_COLUMNS.position] ?? null;
    return position !== null && position === carried?.record.position;
  }
  return true;
}

/** @param held The sink's version. */
function arrived(fates: readonly FatedRecord[], held: number | null, target: Target): Conclusion {
  const writer = fates.find(({ fate, record }) => fate.tag === 'standing' && record.op !== 'd');
  const by = writer === undefined ? '' : `, written by record ${placeOf(writer.record)}`;
  const resent = fates.filter(({ again, record }) => again !== null && record.op !== null).length;
  const records = resent === 1 ? 'one record was' : `${resent} records were`;
  const times = resent === 0 ? '' : `; ${records} resent, without effect`;
  const version = held === null ? '' : ` (${held})`;
  const isNewer = held !== null && target.version !== null && held > target.version;
  const what = isNewer ? 'a newer version than the source had when it was read' : 'the latest version';
  return right(`the sink has ${what}${version}${by}${times}`);
}

function corrupted(life: RowLife, { carried }: Target, what: string): Conclusion {
  const hop = life.differingHop;
  const by = hop === 'unknown' ? 'on the way' : `by the ${hop}`;
  const columns = life.differing.join(', ');
  const from = carried === undefined ? '' : ` (its record is ${placeOf(carried.record)})`;
  const why = [
    ...(life.lacking ?? []).map((name) => `the sink's table has no column ${name}`),
    ...(life.unsent ?? []).map((name) => `the column ${name} was dropped on the way: no record has it`),
    ...(life.placeholders ?? []).map((name) => `the placeholder for an unsent value was written to ${name}`),
  ];
  const because = why.length === 0 ? '' : `; ${why.join(', and ')}`;
  const sentence = `the sink has ${what}, but with another value in ${columns}${from}${because}: corrupted ${by}`;
  return failed('corrupted', hop, sentence);
}

/** The source does not have the row. */
function concludeGone(life: RowLife, target: Target, fates: readonly FatedRecord[]): Conclusion {
  const [row] = life.sink?.rows ?? [];
  const truncate = life.truncates.at(-1);
  if (row === undefined) {
    const gone = 'the row is gone from the source and from the sink';
    if (target.carried !== undefined)
      return right(`${gone}, deleted by record ${placeOf(target.carried.record)}`);
    return right(truncate === undefined ? gone : `${gone}, because its table was truncated`);
  }
  if (fates.length === 0 && (life.commits ?? []).length === 0) return foreign(life);
  const newest = newestOf(fates);
  const isTruncated = truncate !== undefined && isOlder(newest?.record.position ?? null, truncate.position);
  if (target.carried === undefined && isTruncated) {
    const what = `a TRUNCATE emptied the table (${placeOf(truncate)})`;
    return failed('extra', 'sink', `${what}, but the sink still has the row: not applied by the sink`);
  }
  const position = row.metadata[METADATA_COLUMNS.position] ?? null;
  const isBack = life.sink?.tombstone != null && isOlder(position, life.sink.tombstone.position);
  const held = row.version === null ? 'the row' : `version ${row.version}`;
  const state = isBack
    ? `the sink, which had deleted the row, has ${held} again: an older record brought it back`
    : `the sink still has ${held}`;
  return lostOnTheWay(life, target, { what: 'the delete', state, class: 'extra' });
}

function foreign({ records, topicGap }: RowLife): Conclusion {
  const what = 'the sink has a row that the source does not have';
  if (records === null || topicGap !== '') return undecided(`${what}; the topic could not be read for it`);
  return failed('extra', 'sink', `${what}, and neither a commit nor a record explains it`);
}
