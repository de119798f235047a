import { copyNameOf, type Naming } from './sink/copy-shape.ts';
import type { Table } from './source/catalogue.ts';

/**
 * Tables that the configuration gives one copy. Its rows are those of all of them, so a comparison of one table with it
 * proves nothing.
 * @returns a sentence by each of these tables' ids.
 */
export function sharedCopies(
  naming: Naming,
  source: ReadonlyMap<string, Table>,
): ReadonlyMap<string, string> {
  const excluded = new Set(naming.excludeTables);
  const wanted = naming.tables ?? [...source.keys()].filter((id) => !excluded.has(id));
  const known = [...new Set(wanted)].filter((id) => source.has(id));
  const byCopy = Map.groupBy(known, (id) => copyNameOf(naming, source.get(id), id));
  return new Map(
    [...byCopy].flatMap(([copy, ids]) => {
      if (ids.length < 2) return [];
      const sentence = `${ids.join(' and ')} have the same copy ${copy}, so none of them can be compared with it`;
      return ids.map((id): [string, string] => [id, sentence]);
    }),
  );
}
