import type { ExactOptions } from '../exact/exact-window.ts';
import type { DatabasePair } from './databases.ts';

/** Options for an exact comparison of a pair, with a fence that is always passed. */
export function optionsFor(pair: DatabasePair, own: Partial<ExactOptions> = {}): ExactOptions {
  return {
    sourceUrl: pair.sourceUrl,
    sinkUrl: pair.sinkUrl,
    statementTimeoutMs: 30_000,
    passFence: async () => 'passed',
    maxSettledKeys: 1_000,
    versionColumn: 'version',
    limits: { keys: 100_000, bytes: 50_000_000 },
    slotCreationMs: 10_000,
    drainMs: 10_000,
    snapshotBoundMs: 40_000,
    signal: AbortSignal.timeout(55_000),
    ...own,
  };
}
