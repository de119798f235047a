import type { VerifierConfig } from '../config.ts';
import type { Databases } from './connections.ts';
import type { PassFence } from './fence.ts';
import type { TopicsByTable } from './pipeline.ts';
import { reshaped, shapeOf } from './sink/copy-shape.ts';
import { readCatalogue, type Table } from './source/catalogue.ts';
import { topicOf } from './topic/kafka-view.ts';

/** The tables of both databases, and which of the source's must be in the sink. */
export interface Catalogues {
  readonly source: ReadonlyMap<string, Table>;
  /** The sink's tables by the id of the source's table, with mapped names resolved. */
  readonly copies: ReadonlyMap<string, Table>;
  /** Tables that must be compared. */
  readonly expected: readonly Table[];
  /** Configured tables that the source does not have. */
  readonly unknown: readonly string[];
}

/** Topic of each expected table. */
export function topicsOf(config: VerifierConfig, { expected }: Catalogues): TopicsByTable {
  return new Map(expected.map(({ id }) => [id, topicOf(config.topicPrefix, id)]));
}

/**
 * Reads both catalogues. The source's catalogue decides what must be in the sink, not the publication: a table that was
 * dropped from the publication is still expected.
 */
export async function readCatalogues(config: VerifierConfig, databases: Databases): Promise<Catalogues> {
  const [source, theirs] = await Promise.all([
    databases.source().then(readCatalogue),
    databases.sink().then(readCatalogue),
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
 * Catalogues that are fair to judge by. A column or table that the sink lacks may have been created at the source a
 * moment ago, so the sink is read again behind a further fence.
 * @param known Catalogues that cannot have changed since they were read; undefined: they are read again.
 * @throws if that fence is not passed.
 */
export async function settledCatalogues(
  config: VerifierConfig,
  databases: Databases,
  passFence: PassFence,
  known?: Catalogues,
): Promise<Catalogues> {
  const before = known ?? (await readCatalogues(config, databases));
  const lacking = before.expected.filter((table) => lacksColumns(table, before.copies.get(table.id)));
  if (lacking.length === 0) return before;
  if ((await passFence()) !== 'passed') {
    const names = lacking.map(({ id }) => id).join(', ');
    throw new Error(`the copy of ${names} lacks columns, and no further fence was passed`);
  }
  return { ...before, copies: (await readCatalogues(config, databases)).copies };
}

function lacksColumns(table: Table, copy: Table | undefined): boolean {
  const names = new Set(copy?.columns.map((column) => column.name));
  return table.columns.some((column) => !names.has(column.name));
}
