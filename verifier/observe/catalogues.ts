import type { VerifierConfig } from '../config.ts';
import type { Databases } from './connections.ts';
import type { PassFence } from './fence.ts';
import { KEYS, misnamedAtSource, nearestTable, readKinds } from './misnamed.ts';
import { sharedSentence, sharedTopics, type TopicsByTable } from './pipeline.ts';
import { copyNameOf, copyNames, reshaped, shapeOf } from './sink/copy-shape.ts';
import { readCatalogue, type Table } from './source/catalogue.ts';
import { topicOf } from './topic/kafka-view.ts';

/** An expected table whose copy does not exist. An absent copy is not an empty one. */
export interface AbsentCopy {
  /** The table's id at the source. */
  readonly id: string;
  /** The id that was looked for in the sink. */
  readonly wanted: string;
  /** The table of the sink that was probably meant; undefined if none is near. */
  readonly nearest: string | undefined;
}

/** The tables of both databases, and which of the source's must be in the sink. */
export interface Catalogues {
  readonly source: ReadonlyMap<string, Table>;
  /** The sink's tables by the id of the source's table, with mapped names resolved. */
  readonly copies: ReadonlyMap<string, Table>;
  /** Tables that must be compared. */
  readonly expected: readonly Table[];
  /** Configured tables that the source does not have. */
  readonly unknown: readonly string[];
  /** Expected tables without a copy in the sink. */
  readonly absent: readonly AbsentCopy[];
  /**
   * Sentences about exclusions and maps in the configuration that name nothing at the source, and about tables whose topics
   * have the same name.
   */
  readonly misnamed: readonly string[];
}

/** Topic of each expected table. */
export function topicsOf(config: VerifierConfig, { expected }: Pick<Catalogues, 'expected'>): TopicsByTable {
  return new Map(expected.map((table) => [table.id, topicOf(config.topicPrefix, table)]));
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
  const apart = copyNames(config, source);
  const expected: Table[] = [];
  const unknown: string[] = [];
  for (const id of wanted) {
    const table = source.get(id);
    const copy = theirs.get(copyNameOf(config, table, id));
    if (table === undefined) unknown.push(id);
    else expected.push(table);
    if (copy === undefined) continue;
    copies.set(id, table === undefined ? copy : reshaped(copy, shapeOf(config, table, apart)));
  }
  const absent = absentCopies(config, { expected, copies, sink: [...theirs.keys()] });
  const shared = config.kafka === null ? [] : [...sharedTopics(topicsOf(config, { expected }))];
  const slips = [
    ...(await misnamed(config, databases, source)),
    ...shared.map(([topic, ids]) => sharedSentence(topic, ids)),
  ];
  return { source, copies, expected, unknown, absent, misnamed: slips };
}

function absentCopies(
  config: VerifierConfig,
  { expected, copies, sink }: Pick<Catalogues, 'expected' | 'copies'> & { readonly sink: readonly string[] },
): AbsentCopy[] {
  const lacking = expected.filter(({ id }) => !copies.has(id));
  if (lacking.length === 0) return [];
  // A table that is the copy of another one was not meant.
  const taken = new Set([...copies.values()].map(({ id }) => id));
  const free = sink.filter((id) => !taken.has(id));
  return lacking.map((table) => {
    const wanted = copyNameOf(config, table, table.id);
    return { id: table.id, wanted, nearest: nearestTable(wanted, free) };
  });
}

async function misnamed(
  config: VerifierConfig,
  databases: Databases,
  tables: Catalogues['source'],
): Promise<string[]> {
  const kindsOfTables = new Map([...tables.keys()].map((id) => [id, 'a table']));
  if (misnamedAtSource(config, { tables, kinds: kindsOfTables }, KEYS).length === 0) return [];
  return misnamedAtSource(config, { tables, kinds: await readKinds(await databases.source()) }, KEYS);
}

/**
 * Catalogues that are fair to judge by. A column or table that the sink lacks may have been created at the source a
 * moment ago, so the sink is read again behind a further fence. A table that the source no longer has then needs no copy.
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
    throw new Error(`the copy of ${names} is absent or lacks columns, and no further fence was passed`);
  }
  const now = await readCatalogues(config, databases);
  const expected = before.expected.filter(({ id }) => now.source.has(id) || now.copies.has(id));
  const ids = new Set(expected.map(({ id }) => id));
  return { ...now, source: before.source, expected, absent: now.absent.filter(({ id }) => ids.has(id)) };
}

function lacksColumns(table: Table, copy: Table | undefined): boolean {
  const names = new Set(copy?.columns.map((column) => column.name));
  return table.columns.some((column) => !names.has(column.name));
}
