import type { VerifierConfig } from '../config.ts';
import { carriesKey, type Relation, readRelations } from '../exact/relations.ts';
import { Touched, type TouchedLimits } from '../exact/touched.ts';
import { type Catalogues, readCatalogues } from '../observe/catalogues.ts';
import type { OpenConnections } from '../observe/connections.ts';

/** What is verified, as it was when the watch began. */
export interface WatchedTables {
  readonly catalogues: Catalogues;
  readonly relations: ReadonlyMap<string, Relation>;
}

export async function readWatchedTables(
  config: VerifierConfig,
  connections: OpenConnections,
): Promise<WatchedTables> {
  const catalogues = await readCatalogues(config, connections);
  const ids = catalogues.expected.map(({ id }) => id);
  return { catalogues, relations: await readRelations(await connections.source(), ids) };
}

/**
 * Makes an empty collection of changed keys. Tables whose changes do not tell the key are left to the full verification.
 */
export function collectorFor({ catalogues, relations }: WatchedTables, limits: TouchedLimits): Touched {
  const tables = catalogues.expected.filter(({ id, key }) => {
    const names = key.map(({ name }) => name);
    const leaves = relations.get(id)?.leaves ?? [];
    return names.length > 0 && leaves.every((leaf) => carriesKey(leaf, names));
  });
  return new Touched(tables, relations, limits);
}

/** Whether the verified tables, their columns, keys and partitions are the same in both. */
export function areSameTables(one: WatchedTables, two: WatchedTables): boolean {
  return fingerprintOf(one) === fingerprintOf(two);
}

function fingerprintOf({ catalogues, relations }: WatchedTables): string {
  const tables = catalogues.expected.map(({ id, key }) => [
    id,
    key.map(({ name }) => name),
    relations.get(id)?.fingerprint,
  ]);
  return JSON.stringify(tables);
}
