import type { VerifierConfig } from '../config.ts';
import { carriesKey, type Relation, readRelations } from '../exact/relations.ts';
import { type Catalogues, readCatalogues } from '../observe/catalogues.ts';
import type { Databases } from '../observe/connections.ts';
import type { Table } from '../observe/source/catalogue.ts';

/** A table that both streams can follow. */
export interface Followable {
  readonly id: string;
  readonly source: Table;
  readonly copy: Table;
}

/** The tables as they are when the streams begin. */
export interface Seen {
  readonly followable: readonly Followable[];
  /** Tables that cannot be followed, and why. They are compared whole each time. */
  readonly left: ReadonlyMap<string, string>;
  /** Changes when a table is created, dropped, altered or rewritten on either side. By the source's id. */
  readonly fingerprints: ReadonlyMap<string, string>;
  readonly relations: {
    readonly source: ReadonlyMap<string, Relation>;
    readonly sink: ReadonlyMap<string, Relation>;
  };
}

/** Reads which tables can be followed. */
export async function readSeen(config: VerifierConfig, databases: Databases): Promise<Seen> {
  const catalogues = await readCatalogues(config, databases);
  const relations = await relationsOf(catalogues, databases);
  const followable: Followable[] = [];
  const left = new Map<string, string>();
  for (const table of catalogues.expected) {
    const copy = catalogues.copies.get(table.id);
    const why = whyNot(table, copy, relations);
    if (why !== null) left.set(table.id, why);
    else if (copy !== undefined) followable.push({ id: table.id, source: table, copy });
  }
  return { followable, left, relations, fingerprints: fingerprintsIn(catalogues, relations) };
}

/** The fingerprints of the tables as they are now. */
export async function fingerprintsNow(
  catalogues: Catalogues,
  databases: Databases,
): Promise<ReadonlyMap<string, string>> {
  return fingerprintsIn(catalogues, await relationsOf(catalogues, databases));
}

type Relations = Seen['relations'];

async function relationsOf({ expected, copies }: Catalogues, databases: Databases): Promise<Relations> {
  const [source, sink] = [await databases.source(), await databases.sink()];
  const held = expected.flatMap(({ id }) => copies.get(id)?.id ?? []);
  const [ours, theirs] = await Promise.all([
    readRelations(
      source,
      expected.map(({ id }) => id),
    ),
    readRelations(sink, held),
  ]);
  return { source: ours, sink: theirs };
}

function fingerprintsIn({ expected, copies }: Catalogues, { source, sink }: Relations): Map<string, string> {
  return new Map(
    expected.map(({ id, columns, key }) => {
      const copy = copies.get(id);
      const theirs = copy === undefined ? 'absent' : `${copy.id} ${sink.get(copy.id)?.fingerprint}`;
      const names = [...columns, ...key].map(({ name, cast }) => `${name} ${cast}`);
      return [id, JSON.stringify([source.get(id)?.fingerprint, theirs, names])];
    }),
  );
}

/** Why the streams cannot tell which rows of the table are written; null if they can. */
function whyNot(table: Table, copy: Table | undefined, { source, sink }: Relations): string | null {
  if (copy === undefined) return 'it has no copy';
  if (!table.canSelect || !copy.canSelect) return 'it cannot be read';
  const key = table.key.map(({ name }) => name);
  if (key.length === 0) return 'it has no primary key';
  if (copy.view !== undefined || copy.heldAs !== undefined)
    return 'its copy is not a table of the same shape';
  const held = new Set(copy.columns.map(({ name }) => name));
  if (!key.every((name) => held.has(name))) return 'its copy lacks a column of the key';
  const carries = (relation: Relation | undefined): boolean =>
    relation?.leaves.every((leaf) => carriesKey(leaf, key)) === true;
  const why = 'no stream says which row was written (its replica identity, or not all of it is in the WAL)';
  if (!carries(source.get(table.id))) return `at the source, ${why}`;
  if (!carries(sink.get(copy.id))) return `in the sink, ${why}`;
  return null;
}
