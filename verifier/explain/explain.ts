import { type Conclusion, conclude } from './conclude.ts';
import { type FatedRecord, fatesOf } from './fates.ts';
import type { RowLife } from './row-life.ts';
import { activeFaults, type TimelineEntry, timelineOf } from './timeline.ts';

/** One row's life, told. */
export interface Explanation {
  readonly life: RowLife;
  readonly records: readonly FatedRecord[];
  readonly timeline: readonly TimelineEntry[];
  readonly conclusion: Conclusion;
}

/** Tells what became of a row from all that was seen of it. Pure. */
export function explain(life: RowLife): Explanation {
  const records = fatesOf(life);
  return { life, records, timeline: timelineOf(life, records), conclusion: conclude(life, records) };
}

/** What `cdc-lab explain --json` prints; fields may be added. */
export function explanationJson({
  life,
  records,
  timeline,
  conclusion,
}: Explanation): Readonly<Record<string, unknown>> {
  const { table, key, at, commits, source, sink, differing, fence, leftOut, unseen } = life;
  return {
    schemaVersion: 1,
    table,
    key,
    at,
    ...conclusion,
    timeline,
    commits,
    records: records.map(({ record, fate, again }) => ({
      ...record,
      offset: String(record.offset),
      fate,
      travelledAgain: again === null ? null : { partition: again.partition, offset: String(again.offset) },
    })),
    source: source ?? null,
    sink: sink ?? null,
    differing,
    fence,
    faults: activeFaults(life, records),
    leftOut,
    unseen,
  };
}
