import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { unreachable } from '../../pipeline/contract/unreachable.ts';
import type { Fate, FatedRecord } from './fates.ts';
import { type FaultInterval, type LedgerCommit, placeOf, type RowLife } from './row-life.ts';

/** One line of the row's life. */
export interface TimelineEntry {
  /** ISO 8601; null if it is unknown. */
  readonly at: string | null;
  readonly kind: 'commit' | 'fault' | 'record' | 'truncate' | 'sink';
  /** What it is about: `topic 2@1234`, `sink row`, … */
  readonly what: string;
  readonly text: string;
  /** Details, one line each. */
  readonly notes: readonly string[];
}

/** Order at equal times: a commit precedes the fault that hits it, and the fault what it affects. */
const ORDER: readonly TimelineEntry['kind'][] = ['commit', 'fault', 'record', 'truncate', 'sink'];

/** The row's life in order of time. Each time is from the clock of the place that recorded it. */
export function timelineOf(life: RowLife, fates: readonly FatedRecord[]): readonly TimelineEntry[] {
  const entries = [
    ...(life.commits ?? []).map(commitEntry),
    ...activeFaults(life, fates).flatMap(faultEntries),
    ...fates.map((fated) => recordEntry(fated, life)),
    ...life.truncates.map((record): TimelineEntry => {
      const text = `TRUNCATE of the table · LSN ${record.lsn ?? '?'}`;
      return { at: record.capturedAt, kind: 'truncate', what: `topic ${placeOf(record)}`, text, notes: [] };
    }),
    ...sinkEntries(life),
  ];
  const rank = (entry: TimelineEntry) => ORDER.indexOf(entry.kind);
  const late = '9999';
  return entries
    .map((entry, i) => ({ entry, i }))
    .sort((a, b) => {
      const [before, after] = [a.entry.at ?? late, b.entry.at ?? late];
      if (before !== after) return before < after ? -1 : 1;
      return rank(a.entry) - rank(b.entry) || a.i - b.i;
    })
    .map(({ entry }) => entry);
}

function commitEntry({ at, op, version, xid, outcome }: LedgerCommit): TimelineEntry {
  const ends = { ok: 'committed', fail: 'rolled back', unknown: 'outcome unknown' }[outcome];
  const what = { c: 'insert', u: 'update', d: 'delete' }[op];
  return {
    at,
    kind: 'commit',
    what: 'source',
    text: `${what}, version ${version} · xid ${xid} · ${ends}`,
    notes: [],
  };
}

function recordEntry({ record, fate, again }: FatedRecord, { sink }: RowLife): TimelineEntry {
  const parts = [
    record.op === null ? 'tombstone' : `op ${record.op}`,
    ...(record.version === null ? [] : [`version ${record.version}`]),
    ...(record.lsn === null ? [] : [`LSN ${record.lsn}`]),
    ...(record.xid === null ? [] : [`xid ${record.xid}`]),
    ...(record.snapshot === null ? [] : [`snapshot ${record.snapshot}`]),
    ...(record.isPlaced ? [`position ${record.position}`] : []),
  ];
  const notes = [
    ...(record.newKey === null ? [] : [`the key became ${record.newKey}`]),
    ...(record.oldKey === null ? [] : [`the key was ${record.oldKey}`]),
    ...(again === null ? [] : [`resent: it has the same position as ${placeOf(again)}`]),
    ...fateNotes(fate, { isRowAbsent: sink?.rows.length === 0 && record.op !== 'd' }),
    ...(record.values === undefined || record.values === null
      ? []
      : [`values ${JSON.stringify(record.values)}`]),
  ];
  return {
    at: record.capturedAt,
    kind: 'record',
    what: `topic ${placeOf(record)}`,
    text: parts.join(' · '),
    notes,
  };
}

function fateNotes(fate: Fate, { isRowAbsent }: { readonly isRowAbsent: boolean }): string[] {
  switch (fate.tag) {
    case 'standing':
      return ['applied: what the sink has now is from this record'];
    case 'replaced':
      return [
        `applied, then ${fate.byOlder ? `overwritten by ${fate.by}, which is older` : `replaced by ${fate.by}`}`,
      ];
    case 'truncated':
      return ["applied and then removed, or kept out, by the table's last TRUNCATE: it is older than that"];
    case 'suppressed':
      return [`suppressed: ${fate.why}`];
    case 'repeats-delete':
      return [];
    case 'waiting':
      return ['not applied yet: the sink has not reached this offset'];
    case 'dead-letter':
      return ['set aside in a dead-letter topic'];
    case 'no-effect':
      return [
        isRowAbsent
          ? 'the sink committed this offset, but the row is not there'
          : 'the sink committed this offset, but does not have this change',
      ];
    case 'unknown':
      return [];
    default:
      return unreachable(fate, 'fate');
  }
}

function sinkEntries({ sink }: RowLife): TimelineEntry[] {
  if (sink === undefined) return [];
  const rows = sink.rows.map(({ version, metadata, values }): TimelineEntry => {
    const has = (name: string, label: string) => {
      const value = metadata[name];
      return value === undefined || value === null ? [] : [`${label} ${value}`];
    };
    const parts = [
      ...has(METADATA_COLUMNS.op, 'op'),
      ...(version === null ? [] : [`version ${version}`]),
      ...has(METADATA_COLUMNS.lsn, 'LSN'),
      ...has(METADATA_COLUMNS.position, 'position'),
    ];
    const at = metadata[METADATA_COLUMNS.receivedAt] ?? null;
    const notes = values === undefined ? [] : [`values ${JSON.stringify(values)}`];
    return { at, kind: 'sink', what: 'sink row', text: parts.join(' · '), notes };
  });
  const { tombstone } = sink;
  if (tombstone === null) return rows;
  const text = `deleted · position ${tombstone.position}`;
  return [...rows, { at: tombstone.at, kind: 'sink', what: 'sink mark', text, notes: [] }];
}

function faultEntries({ fault, scenario, begunAt, provenAt, healedAt }: FaultInterval): TimelineEntry[] {
  const of = scenario === null ? '' : ` (${scenario})`;
  const proof =
    provenAt === null ? 'was injected, but not shown to take effect' : 'begins; it was shown to take effect';
  const begun: TimelineEntry = {
    at: begunAt,
    kind: 'fault',
    what: 'fault',
    text: `${fault}${of} ${proof}`,
    notes: [],
  };
  if (healedAt === null) return [{ ...begun, notes: ['it was not healed'] }];
  return [begun, { at: healedAt, kind: 'fault', what: 'fault', text: `${fault}${of} is healed`, notes: [] }];
}

/** A commit without a record is related to the faults during this time after it. */
const LOST_WINDOW_MS = 60_000;

/** Faults during which a change of the row was in flight. */
export function activeFaults(life: RowLife, fates: readonly FatedRecord[]): readonly FaultInterval[] {
  const windows: [string, string][] = [];
  for (const { record, again } of fates) {
    windows.push([record.committedAt ?? record.capturedAt, record.capturedAt]);
    if (again !== null) windows.push([again.capturedAt, record.capturedAt]);
  }
  const versions = new Set(fates.map(({ record }) => record.version));
  for (const { at, version } of life.commits ?? []) {
    if (versions.has(version)) continue;
    windows.push([at, new Date(Date.parse(at) + LOST_WINDOW_MS).toISOString()]);
  }
  for (const { metadata } of life.sink?.rows ?? []) {
    const received = metadata[METADATA_COLUMNS.receivedAt];
    const captured = metadata[METADATA_COLUMNS.capturedAt];
    if (received != null && captured != null) windows.push([captured, received]);
  }
  return life.faults.filter(({ begunAt, healedAt }) =>
    windows.some(([from, to]) => begunAt <= to && (healedAt === null || healedAt >= from)),
  );
}
