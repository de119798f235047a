import { type Conclusion, failed, pending, undecided, wasCommitted } from './conclusion.ts';
import { type Fate, type FatedRecord, isOlder } from './fates.ts';
import { type LedgerCommit, placeOf, type RowLife } from './row-life.ts';
import type { Target } from './target.ts';

/**
 * Commits are durable. If the source has an older version than the ledger, or no row, then the source itself lost it.
 * @param last The last commit of the row in the ledger.
 * @returns null if the source did not lose it.
 */
export function lostAtSource(
  life: RowLife,
  last: LedgerCommit | undefined,
  fates: readonly FatedRecord[],
): Conclusion | null {
  const { source, fence } = life;
  if (source === undefined || last === undefined || last.op === 'd') return null;
  const committed = `version ${last.version} ${wasCommitted(last)}`;
  if (source === null) {
    if (isRemovedSince(life, last, fates)) return null;
    const what = `${committed}, but the source itself does not have the row`;
    if (!fence.passed) return pending(`${what}: ${fence.waitingFor}`, fence);
    return failed('missing', 'source', `${what}: lost by the source`);
  }
  if (source.version === null || source.version >= last.version) return null;
  const what = `${committed}, but the source itself has only version ${source.version}`;
  return failed('missing', 'source', `${what}: lost by the source`);
}

/**
 * Whether the row was removed after its last commit in the ledger. A client that writes no ledger may have done so: then
 * the topic has a DELETE or TRUNCATE that belongs to no commit of the ledger, or is newer than the row's last record.
 */
function isRemovedSince(life: RowLife, last: LedgerCommit, fates: readonly FatedRecord[]): boolean {
  const commits = life.commits ?? [];
  const later = commits.slice(commits.lastIndexOf(last) + 1);
  if (later.some(({ op, outcome }) => op === 'd' && outcome === 'unknown')) return true;
  const known = new Set(commits.filter(({ outcome }) => outcome === 'ok').map(shortXid));
  const records = fates.map(({ record }) => record);
  const written = records.findLast(({ op, xid }) => op !== 'd' && xid === shortXid(last));
  return [...records.filter(({ op }) => op === 'd'), ...life.truncates].some(({ xid, position }) =>
    written === undefined ? xid === null || !known.has(xid) : !isOlder(position, written.position),
  );
}

/** The 32 bits of the transaction id that an event has, without the epoch. */
function shortXid({ xid }: LedgerCommit): number {
  return Number(BigInt.asUintN(32, BigInt(xid)));
}

/** Something that should be in the sink and is not. */
export interface Loss {
  /** `version 2`, `the delete`. */
  readonly what: string;
  /** What the sink has instead, as a clause. */
  readonly state: string;
  readonly class: 'missing' | 'stale' | 'extra';
}

/** Names who lost it: the hop behind the last place that has it. */
export function lostOnTheWay(life: RowLife, target: Target, loss: Loss): Conclusion {
  const { commit, carried } = target;
  const when = commit === undefined ? '' : ` ${wasCommitted(commit)}`;
  if (carried === undefined) return lostBeforeTopic(life, loss, when);
  const place = `is in the topic at ${placeOf(carried.record)}`;
  const what = `${loss.what}${when}${when === '' ? '' : ' and'} ${place}, but ${loss.state}`;
  switch (carried.fate.tag) {
    case 'dead-letter': {
      const sentence = `${what}: the record waits in a dead-letter topic`;
      return { verdict: 'WARN', class: loss.class, hop: 'sink', sentence };
    }
    case 'waiting': {
      const why = life.fence.hasFailed ? 'this record, and a connector has failed' : 'this record yet';
      return pending(`${what}: the sink has not reached ${why}`, life.fence);
    }
    default: {
      const isKnown = life.sinkOffsets.has(`${carried.record.topic}/${carried.record.partition}`);
      if (!isKnown && !life.fence.passed) return pending(`${what}: ${life.fence.waitingFor}`, life.fence);
      const why = reasonOf(carried.fate);
      // A row that should be gone is not lost.
      const fault = loss.class === 'extra' ? 'not applied by the sink' : 'lost by the sink';
      return failed(loss.class, 'sink', `${what}${why}: ${fault}`);
    }
  }
}

function reasonOf(fate: Fate): string {
  if (fate.tag === 'suppressed') return ` (suppressed: ${fate.why})`;
  if (fate.tag === 'replaced' && fate.byOlder) return `, because the older image at ${fate.by} overwrote it`;
  return '';
}

function lostBeforeTopic(life: RowLife, { what, state, class: name }: Loss, when: string): Conclusion {
  if (life.records === null) {
    const subject = when === '' ? `the source shows ${what}` : `${what}${when}`;
    return failed(
      name,
      'unknown',
      `${subject}, but ${state}; the topic was not read, so it is unknown who lost it`,
    );
  }
  const leftOut = life.leftOut.records > 0 ? '--max left records out' : '';
  const gap = life.topicGap === '' ? leftOut : life.topicGap;
  const subject = `${what}${when}${when === '' ? '' : ' but'} has no record in`;
  if (gap !== '') return undecided(`${subject} what was read of the topic (${gap}), and ${state}`);
  if (!life.fence.passed)
    return pending(`${subject} the topic yet, and ${state}: ${life.fence.waitingFor}`, life.fence);
  return failed(name, 'capture', `${subject} the topic, and ${state}: lost by the capture`);
}
