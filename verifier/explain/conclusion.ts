import type { Hop } from '../report.ts';
import type { Verdict } from '../verdict.ts';
import type { LedgerCommit, LifeFence } from './row-life.ts';

/** What became of the row, in one sentence. */
export interface Conclusion {
  readonly verdict: Verdict;
  readonly class: 'right' | 'missing' | 'extra' | 'stale' | 'corrupted' | 'duplicate' | 'pending' | 'unknown';
  /** Who lost it; null if nothing is lost. */
  readonly hop: Hop | 'source' | null;
  readonly sentence: string;
}

export function right(sentence: string): Conclusion {
  return { verdict: 'PASS', class: 'right', hop: null, sentence };
}

export function failed(name: Conclusion['class'], hop: Conclusion['hop'], sentence: string): Conclusion {
  return { verdict: 'FAIL', class: name, hop, sentence };
}

/**
 * The pipeline has not delivered what is absent. It may still do so, unless a connector has failed: then nothing arrives
 * before that is restarted, and it is not known yet whether anything is lost.
 */
export function pending(sentence: string, { hasFailed }: Pick<LifeFence, 'hasFailed'>): Conclusion {
  return hasFailed === true
    ? { verdict: 'FAIL', class: 'pending', hop: 'unknown', sentence }
    : { verdict: 'SYNC_IN_PROGRESS', class: 'pending', hop: null, sentence };
}

export function undecided(sentence: string): Conclusion {
  return { verdict: 'INCONCLUSIVE', class: 'unknown', hop: null, sentence };
}

/** `was committed at 03:04:02.000`. */
export function wasCommitted({ at }: LedgerCommit): string {
  return `was committed at ${at.slice(11, 23)}`;
}
