import type { Claim } from '../apply/claim.ts';
import { labelOf } from '../bind/table-name.ts';

/** Records that are in the topic and not in the sink, by table, from the ends of the topics' partitions. */
export function lagByTable(
  claims: readonly Claim[],
  ends: ReadonlyMap<string, readonly bigint[]>,
): Map<string, number> {
  const lag = new Map<string, number>();
  for (const claim of claims) {
    const end = ends.get(claim.topic)?.[claim.partition] ?? claim.nextOffset;
    const label = labelOf(claim.topic);
    const behind = Number(end - claim.nextOffset);
    lag.set(label, (lag.get(label) ?? 0) + Math.max(0, behind));
  }
  return lag;
}
