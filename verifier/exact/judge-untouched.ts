import { type BadBuckets, differingKeys } from '../compare/localise.ts';
import { ABSENT, readKeys } from '../compare/read-keys.ts';
import { type Beyond, countBeyond, NOTHING_BEYOND } from '../compare/scan-table.ts';
import { judge, type WrongRow } from '../compare/settle.ts';
import type { TablePair } from '../compare/table-pair.ts';
import type { IdentitySet } from '../observe/topic/identities.ts';
import type { PartOptions, Snapshots } from './part.ts';
import { chunks, halves } from './versions.ts';

export interface Untouched {
  readonly wrong: readonly WrongRow[];
  /** Further wrong keys, beyond `maxSettledKeys`. */
  readonly beyond: Readonly<Beyond>;
}

/** Finds the wrong rows of keys that nobody touched. @param touched Hashes of the keys to leave out. */
export async function judgeUntouched(
  { source, sink }: Snapshots,
  pair: TablePair,
  found: BadBuckets,
  touched: IdentitySet,
  { maxSettledKeys, versionColumn, signal, deadline }: PartOptions,
): Promise<Untouched> {
  const suspects: string[] = [];
  const beyond = { ...NOTHING_BEYOND };
  await deadline.arm(source, sink);
  const isKnown = (keyHash: bigint): boolean => touched.hasWords(...halves(keyHash));
  for await (const suspect of differingKeys(source, sink, pair, found, { most: maxSettledKeys, isKnown })) {
    signal.throwIfAborted();
    deadline.check();
    if (suspect.keyText !== null && suspects.length < maxSettledKeys) suspects.push(suspect.keyText);
    else countBeyond(suspect, beyond);
  }
  const wrong: WrongRow[] = [];
  for (const keys of chunks(suspects, () => 0)) {
    deadline.check();
    const [ours, theirs] = await Promise.all([
      readKeys(source, pair, 'source', keys),
      readKeys(sink, pair, 'sink', keys),
    ]);
    for (const key of keys) {
      const states = [ours.get(key) ?? ABSENT, theirs.get(key) ?? ABSENT] as const;
      wrong.push(...judge(pair, key, ...states, versionColumn));
    }
  }
  return { wrong, beyond };
}
