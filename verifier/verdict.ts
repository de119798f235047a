/** The five verdicts, from best to worst. The report's verdict is the worst of all checks. */
export const VERDICTS = ['PASS', 'WARN', 'SYNC_IN_PROGRESS', 'INCONCLUSIVE', 'FAIL'] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * The worst verdict wins. FAIL outranks INCONCLUSIVE: a proven loss stays a loss, whatever else could not be seen. An
 * empty list is INCONCLUSIVE, because nothing was judged.
 */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  let rank = -1;
  for (const verdict of verdicts) rank = Math.max(rank, VERDICTS.indexOf(verdict));
  return VERDICTS[rank] ?? 'INCONCLUSIVE';
}

/** Exit code of `verify` and `status` for a verdict. `strict` makes WARN 1. */
export function exitCodeOf(verdict: Verdict, strict = false): number {
  switch (verdict) {
    case 'PASS':
      return 0;
    case 'WARN':
      return strict ? 1 : 0;
    case 'FAIL':
      return 1;
    case 'INCONCLUSIVE':
      return 2;
    case 'SYNC_IN_PROGRESS':
      return 3;
  }
}
