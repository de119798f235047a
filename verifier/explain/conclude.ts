import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import type { Hop } from '../report.ts';
import type { Verdict } from '../verdict.ts';
import { type FatedRecord, isOlder } from './fates.ts';
import { isOfSecondReading, type LedgerCommit, placeOf, type RowLife, type StandingRow } from './row-life.ts';

/** What became of the row, in one sentence. */
export interface Conclusion {
  readonly verdict: Verdict;
  readonly class: 'right' | 'missing' | 'extra' | 'stale' | 'corrupted' | 'duplicate' | 'pending' | 'unknown';
  /** Who lost it; null where nothing is lost. */
  readonly hop: Hop | 'source' | null;
  readonly sentence: string;
}

/** What the sink should have: the row as the source has it, with the commit that made it so, where that is known. */
interface Target {
  readonly row: StandingRow | null;
  readonly version: number | null;
  readonly commit: LedgerCommit | undefined;
  /** The record that says it; undefined where the topic has none. */
  readonly carried: FatedRecord | undefined;
}

/** Judges one row. The source was read before the fence, and the sink behind it: what is newer there is no fault. */
export function conclude(life: RowLife, fates: readonly FatedRecord[]): Conclusion {
  const committed = (life.commits ?? []).filter(({ outcome }) => outcome === 'ok');
  const last = committed.at(-1);
  if (life.sink === undefined) return undecided('the sink could not be read');
  if (life.source === undefined && last === undefined) return undecided('the source could not be read');
  const nothing = committed.length === 0 && fates.length === 0;
  if (nothing && life.source === null && life.sink.rows.length === 0) {
    return undecided('no trace of this key: neither source, topic nor sink has it');
  }
  if (life.isMoving) return undecided('the row came, went or changed each time it was looked at');
  const lost = lostAtSource(life, last, fates);
  if (lost !== null) return lost;
  if (life.sink.rows.length > 1) return duplicated(life);
  const isSecond = isOfSecondReading(life.sink.rows[0], life.sourceAfter);
  const target = targetOf({ ...life, source: isSecond ? life.sourceAfter : life.source }, last, fates);
  if (target.row === null) return concludeGone(life, target, fates);
  return concludeAlive(life, target, fates);
}

/** Commits are durable: a source that has an older version than the ledger, or no row, went back in time. */
function lostAtSource(
  life: RowLife,
  last: LedgerCommit | undefined,
  fates: readonly FatedRecord[],
): Conclusion | null {
  const { source, fence } = life;
  if (source === undefined || last === undefined || last.op === 'd') return null;
  const committed = `${versionOf(last)} was committed ${timeOf(last.at)}, and the source itself`;
  if (source === null) {
    if (isRemovedSince(life, last, fates)) return null;
    if (!fence.passed) return pending(`${committed} does not have the row: ${fence.waitingFor}`);
    return lostBySource(`${committed} does not have the row`);
  }
  if (source.version === null || source.version >= last.version) return null;
  return lostBySource(`${committed} holds version ${source.version}`);
}

function lostBySource(what: string): Conclusion {
  return { verdict: 'FAIL', class: 'missing', hop: 'source', sentence: `${what}: lost by the source` };
}

/** A client that writes no ledger may have deleted the row behind its last commit there: then the topic says so. */
function isRemovedSince(life: RowLife, last: LedgerCommit, fates: readonly FatedRecord[]): boolean {
  const commits = life.commits ?? [];
  const later = commits.slice(commits.lastIndexOf(last) + 1);
  if (later.some(({ op, outcome }) => op === 'd' && outcome === 'unknown')) return true;
  const told = new Set(commits.filter(({ outcome }) => outcome === 'ok').map(shortXid));
  const records = fates.map(({ record }) => record);
  const written = records.findLast(({ op, xid }) => op !== 'd' && xid === shortXid(last));
  return [...records.filter(({ op }) => op === 'd'), ...life.truncates].some(({ xid, position }) =>
    written === undefined ? xid === null || !told.has(xid) : !isOlder(position, written.position),
  );
}

/** The 32 bits that an event has of it. */
function shortXid({ xid }: LedgerCommit): number {
  return Number(BigInt.asUintN(32, BigInt(xid)));
}

function duplicated({ sink }: RowLife): Conclusion {
  const rows = sink?.rows ?? [];
  const positions = new Set(rows.map(({ metadata }) => metadata[METADATA_COLUMNS.position]));
  const why =
    positions.size < rows.length ? 'a record that came again was written again' : 'each event became a row';
  const sentence = `the sink holds ${rows.length} rows of this key (${why}): duplicated by the sink`;
  return { verdict: 'FAIL', class: 'duplicate', hop: 'sink', sentence };
}

function targetOf(life: RowLife, last: LedgerCommit | undefined, fates: readonly FatedRecord[]): Target {
  const { source } = life;
  // Without the source, the ledger's word is the last that is known.
  const fromLedger = last === undefined || last.op === 'd' ? null : { version: last.version, metadata: {} };
  const row = source === undefined ? fromLedger : source;
  const newest = newestOf(fates);
  if (row === null) {
    const commit = last?.op === 'd' ? last : undefined;
    return { row, version: null, commit, carried: newest?.record.op === 'd' ? newest : undefined };
  }
  const { version } = row;
  const writes = (life.commits ?? []).filter((one) => one.op !== 'd' && one.outcome === 'ok');
  const commit = version === null ? writes.at(-1) : writes.findLast((one) => one.version === version);
  const carried =
    version === null ? newest : presentLife(fates).find(({ record }) => (record.version ?? 0) >= version);
  return { row, version, commit, carried: carried?.record.op === 'd' ? undefined : carried };
}

/** Events since the key was last deleted: a row that is inserted again begins with version 1 again. */
function presentLife(fates: readonly FatedRecord[]): readonly FatedRecord[] {
  const gone = newestOf(fates.filter(({ record }) => record.op === 'd'))?.record;
  const events = fates.filter(({ record }) => record.op !== null && record.op !== 'd');
  return gone === undefined
    ? events
    : events.filter(({ record }) => !isOlder(record.position, gone.position));
}

/** The newest event by position: one that came twice is not newer for that. */
function newestOf(fates: readonly FatedRecord[]): FatedRecord | undefined {
  return fates
    .filter(({ record }) => record.op !== null)
    .reduce<FatedRecord | undefined>((newest, one) => {
      if (newest === undefined) return one;
      const { position } = one.record;
      const older = isOlder(position, newest.record.position) || position === newest.record.position;
      return older && position !== null ? newest : one;
    }, undefined);
}

function concludeAlive(life: RowLife, target: Target, fates: readonly FatedRecord[]): Conclusion {
  const [row] = life.sink?.rows ?? [];
  const what = target.version === null ? 'the last image' : `version ${target.version}`;
  const held = row?.version ?? null;
  if (row !== undefined && isUpToDate(life, target, row)) {
    if (life.differing.length > 0 && held === target.version) return differs(life, target, what);
    return right(fates, held, target);
  }
  const name = row === undefined ? 'missing' : 'stale';
  return lostBetween(life, target, { what, state: heldInstead(row, target), class: name });
}

function heldInstead(row: StandingRow | undefined, { version }: Target): string {
  if (row === undefined) return 'is not in the sink';
  if (row.version === null || version === null) return 'the sink holds an older image';
  if (row.version < version) return `the sink holds version ${row.version} of ${version}`;
  return `the sink holds version ${row.version}, which the source does not have`;
}

function isUpToDate(life: RowLife, { version, carried }: Target, row: StandingRow): boolean {
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

function right(fates: readonly FatedRecord[], held: number | null, target: Target): Conclusion {
  const writer = fates.find(({ fate, record }) => fate.tag === 'standing' && record.op !== 'd');
  const by = writer === undefined ? '' : `, written by ${placeOf(writer.record)}`;
  const twice = fates.filter(({ again, record }) => again !== null && record.op !== null).length;
  const times =
    twice === 0 ? '' : `; ${twice === 1 ? 'one record' : `${twice} records`} travelled again, to no effect`;
  const version = held === null ? '' : ` (${held})`;
  const newer = held !== null && target.version !== null && held > target.version;
  const what = newer ? 'a version newer than the source had at the look' : 'the last version';
  return {
    verdict: 'PASS',
    class: 'right',
    hop: null,
    sentence: `the sink has ${what}${version}${by}${times}`,
  };
}

function differs(life: RowLife, { carried }: Target, what: string): Conclusion {
  const columns = life.differing.join(', ');
  const from = carried === undefined ? '' : `; its record is ${placeOf(carried.record)}`;
  const sentence = `the sink has ${what}, with another value in ${columns}${from}: corrupted on the way`;
  return { verdict: 'FAIL', class: 'corrupted', hop: 'unknown', sentence };
}

interface Loss {
  readonly what: string;
  readonly state: string;
  readonly class: 'missing' | 'stale' | 'extra';
}

/** What should be in the sink is not: named by the last place that has it. */
function lostBetween(life: RowLife, { commit, carried }: Target, loss: Loss): Conclusion {
  const committed = commit === undefined ? '' : ` was committed ${timeOf(commit.at)},`;
  const subject = `${loss.what}${committed}`;
  const outcome = `and ${loss.state}`;
  if (carried === undefined) return lostBeforeTopic(life, { subject, outcome, class: loss.class });
  const at = `is in the topic at ${placeOf(carried.record)}`;
  switch (carried.fate.tag) {
    case 'dead-letter':
      return {
        verdict: 'WARN',
        class: loss.class,
        hop: 'sink',
        sentence: `${subject} ${at}, ${outcome}: it waits in a dead-letter topic`,
      };
    case 'waiting':
      return pending(`${subject} ${at}, ${outcome}: the sink has not got there yet`);
    default: {
      const known = life.sinkOffsets.has(`${carried.record.topic}/${carried.record.partition}`);
      if (!known && !life.fence.passed)
        return pending(`${subject} ${at}, ${outcome}: ${life.fence.waitingFor}`);
      const why = carried.fate.tag === 'suppressed' ? ` (suppressed: ${carried.fate.why})` : '';
      return {
        verdict: 'FAIL',
        class: loss.class,
        hop: 'sink',
        sentence: `${subject} ${at}, ${outcome}${why}: lost by the sink`,
      };
    }
  }
}

function lostBeforeTopic(
  life: RowLife,
  { subject, outcome, class: name }: { subject: string; outcome: string; class: Conclusion['class'] },
): Conclusion {
  if (life.records === null) {
    return {
      ...failed(name, 'unknown'),
      sentence: `${subject} ${outcome.replace(/^and is/, 'is')}; the topic was not read: who lost it is not known`,
    };
  }
  const leftOut = life.leftOut.records > 0 ? '--max left records out' : '';
  const gap = life.topicGap === '' ? leftOut : life.topicGap;
  if (gap !== '') {
    return undecided(`${subject} has no record in what was read of the topic (${gap}), ${outcome}`);
  }
  if (!life.fence.passed) {
    return pending(`${subject} has no record in the topic yet, ${outcome}: ${life.fence.waitingFor}`);
  }
  return {
    ...failed(name, 'capture'),
    sentence: `${subject} has no record in the topic, ${outcome}: lost by the capture`,
  };
}

/** The source has no such row. */
function concludeGone(life: RowLife, target: Target, fates: readonly FatedRecord[]): Conclusion {
  const [row] = life.sink?.rows ?? [];
  const truncate = life.truncates.at(-1);
  if (row === undefined) {
    const by = target.carried === undefined ? '' : `, deleted by ${placeOf(target.carried.record)}`;
    const emptied =
      target.carried === undefined && truncate !== undefined ? ', as its table was emptied' : '';
    const sentence = `the row is gone from the source, and from the sink${by}${emptied}`;
    return { verdict: 'PASS', class: 'right', hop: null, sentence };
  }
  if (fates.length === 0 && (life.commits ?? []).length === 0) return foreign(life);
  const newest = newestOf(fates);
  const emptied = truncate !== undefined && isOlder(newest?.record.position ?? null, truncate.position);
  if (target.carried === undefined && emptied) {
    const at = placeOf(truncate);
    const sentence = `a TRUNCATE emptied the table (${at}), and the sink still holds the row: not applied by the sink`;
    return { ...failed('extra', 'sink'), sentence };
  }
  const position = row.metadata[METADATA_COLUMNS.position] ?? null;
  const back = life.sink?.tombstone != null && isOlder(position, life.sink.tombstone.position);
  const held = row.version === null ? 'the row' : `version ${row.version}`;
  const state = back
    ? `the sink deleted it and holds ${held} again: an older record brought it back`
    : `the sink still holds ${held}`;
  return lostBetween(life, target, { what: 'the delete', state, class: 'extra' });
}

function foreign({ records, topicGap }: RowLife): Conclusion {
  const what = 'the sink holds a row that the source does not have';
  if (records === null || topicGap !== '') return undecided(`${what}; the topic could not be read for it`);
  return { ...failed('extra', 'sink'), sentence: `${what}, and no commit and no record explains it` };
}

function versionOf({ op, version }: LedgerCommit): string {
  return op === 'd' ? 'the delete' : `version ${version}`;
}

function timeOf(at: string): string {
  return `at ${at.slice(11, 23)}`;
}

function failed(name: Conclusion['class'], hop: Hop): Pick<Conclusion, 'verdict' | 'class' | 'hop'> {
  return { verdict: 'FAIL', class: name, hop };
}

function pending(sentence: string): Conclusion {
  return { verdict: 'SYNC_IN_PROGRESS', class: 'pending', hop: null, sentence };
}

function undecided(sentence: string): Conclusion {
  return { verdict: 'INCONCLUSIVE', class: 'unknown', hop: null, sentence };
}
