import type { VerifierConfig } from '../config.ts';
import type { PassFence } from './fence.ts';
import type { Connections } from './pipeline-progress.ts';
import { reshaped, shapeOf } from './sink/copy-shape.ts';
import { readCatalogue, type Table } from './source/catalogue.ts';
import { topicOf } from './topic/kafka-view.ts';

/** The two catalogues, and what of the source's must be in the sink. */
export interface Catalogues {
  readonly source: ReadonlyMap<string, Table>;
  /** By the id of the source's table, names mapped. */
  readonly copies: ReadonlyMap<string, Table>;
  /** Tables that must be compared; one that the source lacks is in `unknown`. */
  readonly expected: readonly Table[];
  readonly unknown: readonly string[];
}

/** Topic of each expected table. */
export function topicsOf(config: VerifierConfig, { expected }: Catalogues): ReadonlyMap<string, string> {
  return new Map(expected.map(({ id }) => [id, topicOf(config.topicPrefix, id)]));
}

/**
 * What must be in the sink is told by the source's catalogue, never by what was read or by what the publication holds:
 * a table that fell out of the publication is still expected.
 */
export async function readCatalogues(config: VerifierConfig, connections: Connections): Promise<Catalogues> {
  const [source, theirs] = await Promise.all([
    connections.source().then(readCatalogue),
    connections.sink().then(readCatalogue),
  ]);
  const excluded = new Set(config.excludeTables);
  const wanted = config.tables ?? [...source.keys()].filter((id) => !excluded.has(id));
  const copies = new Map<string, Table>();
  const expected: Table[] = [];
  const unknown: string[] = [];
  for (const id of wanted) {
    const table = source.get(id);
    if (table === undefined) unknown.push(id);
    else expected.push(table);
    const mapped = config.tableMap[id] ?? table?.name ?? '';
    const schema = config.sink.sameSchemas ? (table?.schema ?? '') : config.sink.schema;
    const copy = theirs.get(mapped.includes('.') ? mapped : `${schema}.${mapped}`);
    if (copy === undefined) continue;
    copies.set(id, reshaped({ ...copy, only: table?.only ?? false }, shapeOf(config, id)));
  }
  return { source, copies, expected, unknown };
}

/**
 * A column or table that the copy lacks may have been made at the source a moment ago: it is held against the sink
 * only behind another fence. @throws where that one is not passed.
 * @param known What was read before and cannot have changed; undefined: it is read anew.
 */
export async function settledCatalogues(
  config: VerifierConfig,
  connections: Connections,
  passFence: PassFence,
  known?: Catalogues,
): Promise<Catalogues> {
  const before = known ?? (await readCatalogues(config, connections));
  const lacking = before.expected.filter((table) => lacksColumns(table, before.copies.get(table.id)));
  if (lacking.length === 0) return before;
  if ((await passFence()) !== 'passed') {
    const names = lacking.map(({ id }) => id).join(', ');
    throw new Error(`the copy of ${names} lacks columns, and no fence behind that was passed`);
  }
  return { ...before, copies: (await readCatalogues(config, connections)).copies };
}

function lacksColumns(table: Table, copy: Table | undefined): boolean {
  const names = new Set(copy?.columns.map((column) => column.name));
  return table.columns.some((column) => !names.has(column.name));
}
