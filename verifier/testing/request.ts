import type { VerifyRequest } from '../standalone/request.ts';
import type { DatabasePair } from './databases.ts';

/** The request that `cdc-lab verify` makes for a pair: every table, under writes. `own` overrides it. */
export function requestFor(
  pair: Pick<DatabasePair, 'sourceUrl' | 'sinkUrl'>,
  own: Partial<VerifyRequest> = {},
): VerifyRequest {
  const bare = (url: string): string => Object.assign(new URL(url), { password: '' }).href;
  const passwordOf = (url: string) => decodeURIComponent(new URL(url).password) || undefined;
  return {
    source: bare(pair.sourceUrl),
    sink: bare(pair.sinkUrl),
    tables: [],
    excludeTables: [],
    map: [],
    softDelete: undefined,
    fence: 'slot',
    progressSlot: undefined,
    subscription: undefined,
    deadlineMs: 30_000,
    versionColumn: 'version',
    passwords: { source: passwordOf(pair.sourceUrl), sink: passwordOf(pair.sinkUrl) },
    ...own,
  };
}
