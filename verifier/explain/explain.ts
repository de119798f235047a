/**
 * `verifier/explain`: says what became of one row.
 * In: everything that can be seen of the row: the ledger's commits, the topic's records, both databases, the faults.
 * Out: the fate of each record, a timeline, and one sentence that says whether the sink is right and, if not, who lost it.
 * Promises: it judges only what has been seen: nothing is called lost before the progress fence was passed, and what
 *   could not be read is listed. Values other than the key and the version are included only on request.
 */

import { conclude } from './conclude.ts';
import type { Conclusion } from './conclusion.ts';
import { type FatedRecord, fatesOf } from './fates.ts';
import type { RowLife } from './row-life.ts';
import { activeFaults, type TimelineEntry, timelineOf } from './timeline.ts';

/** The life of a row, explained. */
export interface Explanation {
  readonly life: RowLife;
  readonly records: readonly FatedRecord[];
  readonly timeline: readonly TimelineEntry[];
  readonly conclusion: Conclusion;
}

/** Explains what became of a row, from everything that was seen of it. It is a pure function. */
export function explain(life: RowLife): Explanation {
  const records = fatesOf(life);
  return { life, records, timeline: timelineOf(life, records), conclusion: conclude(life, records) };
}

/** The JSON that `cdc-lab explain --json` prints. Fields may be added. */
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
