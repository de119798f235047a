import type { Client } from 'pg';
import { LabError } from '../../contract/errors.ts';
import type { RelationColumn, RelationMessage, TypeMessage } from '../../contract/pgoutput.ts';
import { START_OVER } from '../../contract/remedies.ts';
import type { ColumnDescription, TableDescription } from '../../contract/table.ts';
import { type ColumnRow, lookUpRelation, toColumn } from './catalogue.ts';
import { matchColumns } from './match-columns.ts';
import { quoteTable } from './sql.ts';

type TypeOfThen = (oid: number) => TypeMessage | undefined;

/**
 * A table as the stream sends it. The Relation message has the columns as they were at that position of the WAL. The
 * catalogue is current; it adds what the message lacks for columns that it still has, under whichever name. A DEFAULT and
 * NOT NULL belong to the type that the column has now, so they count only where the message has the same type.
 * @param typeOfThen The Type message of a type that is not built in; pgoutput sends it before the relation.
 * @throws LabError CDC-1020 if a column's type was dropped since, and there is none of its name.
 */
export async function describeRelation(
  client: Client,
  relation: RelationMessage,
  typeOfThen: TypeOfThen,
): Promise<TableDescription> {
  const now = await lookUpRelation(client, relation.relationOid);
  const byName = new Map(now?.columns.map((column) => [column.name, column]));
  const then = relation.columns.map((column) => column.name);
  // Usually they are not published.
  const absent = new Set(
    now?.columns.flatMap((c) => (c.generated !== null && !then.includes(c.name) ? [c.name] : [])),
  );
  const names = matchColumns(
    then,
    now?.attributes.filter((name) => name === null || !absent.has(name)) ?? [],
  );
  const keyKnown = now !== undefined && now.key.length > 0 && now.key.every((k) => names.includes(k));
  const columns: ColumnDescription[] = [];
  let identityRank = 0;
  for (const [i, column] of relation.columns.entries()) {
    const known = byName.get(names[i] ?? '');
    const type = await typeOf(client, relation, column, typeOfThen(column.typeOid));
    const isIdentity = column.isIdentity && relation.replicaIdentity === 'default';
    if (isIdentity) identityRank++;
    const isSame = known?.typeOid === type.typeOid && known.typeModifier === type.typeModifier;
    columns.push({
      name: column.name,
      ...type,
      notNull: isSame ? known.notNull : isIdentity,
      defaultText: isSame ? known.defaultText : null,
      defaultExpression: isSame ? (known.defaultExpression ?? null) : null,
      keyRank: keyKnown ? (known?.keyRank ?? 0) : isIdentity ? identityRank : 0,
    });
  }
  const { relationOid, schema, table, replicaIdentity } = relation;
  return { relationOid, schema, table, replicaIdentity, columns };
}

type TypeFacts = Pick<
  ColumnDescription,
  'typeOid' | 'typeName' | 'typeModifier' | 'typeKind' | 'elementType' | 'enumLabels'
>;

/** Built-in types whose form in events depends on their modifier, which a dropped domain took with it. */
const FORM_HAS_MODIFIER = new Set(['bit', 'varbit', 'numeric', 'time', 'timestamp']);
const NEW_SNAPSHOT = `The WAL keeps the change: ${START_OVER}.`;

/**
 * The type of a column. Of one that was dropped since, its Type message still has the name, and of a domain the name of
 * its base type: a type that has this name now takes its place (as after an enum was made again with other labels).
 */
async function typeOf(
  client: Client,
  relation: RelationMessage,
  { name, typeOid, typeModifier }: RelationColumn,
  then: TypeMessage | undefined,
): Promise<TypeFacts> {
  const known = await lookUpType(client, typeOid, typeModifier);
  if (known !== undefined) return known;
  const place = `${relation.schema}.${relation.table}.${name}`;
  if (then === undefined) {
    const what = `Type ${typeOid} of ${place} was dropped before its changes were read`;
    throw new LabError('CDC-1020', `${what}.`, { remedy: NEW_SNAPSHOT });
  }
  const type = `${then.schema}.${then.name}`;
  const isDomain = then.schema === 'pg_catalog';
  if (isDomain && FORM_HAS_MODIFIER.has(elementName(then.name))) {
    throw new LabError(
      'CDC-1020',
      `The domain of ${place} was dropped before its changes were read, and the precision of its ${type} with it.`,
      { remedy: NEW_SNAPSHOT },
    );
  }
  const substitute = await typeNamed(client, then);
  const found = substitute === undefined ? undefined : await lookUpType(client, substitute, typeModifier);
  if (found !== undefined) return found;
  throw new LabError('CDC-1020', `Type ${type} of ${place} was dropped before its changes were read.`, {
    remedy:
      `Create ${creatable(then)} again as it was, restart the task, and drop it once the changes are read; ` +
      `or ${START_OVER}.`,
  });
}

/** PostgreSQL names the array of a type after it, with an underscore in front: `_numeric`. */
const elementName = (name: string): string => name.replace(/^_/, '');

/** What to create so that the type exists again: arrays come with their element type. */
function creatable({ schema, name }: TypeMessage): string {
  const own = quoteTable({ schema, table: name });
  if (!name.startsWith('_')) return own;
  return `${quoteTable({ schema, table: elementName(name) })} (or ${own}, if it was not an array)`;
}

/** The oid of a type by its name, if it is a base type, an enum or a range: values of these have their own text form. */
async function typeNamed(client: Client, { schema, name }: TypeMessage): Promise<number | undefined> {
  const { rows } = await client.query<{ oid: string }>(
    `SELECT t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     WHERE n.nspname = $1 AND t.typname = $2 AND t.typtype IN ('b', 'e', 'r')`,
    [schema, name],
  );
  return rows[0] === undefined ? undefined : Number(rows[0].oid);
}

/** Undefined if the catalogue no longer has the type. */
async function lookUpType(client: Client, oid: number, modifier: number): Promise<TypeFacts | undefined> {
  const { rows } = await client.query<ColumnRow>(
    `WITH RECURSIVE base AS (
       SELECT t.oid, $2::int AS modifier, t.typtype, t.typbasetype, t.typtypmod
       FROM pg_catalog.pg_type t WHERE t.oid = $1
       UNION ALL
       SELECT t.oid, CASE WHEN b.modifier = -1 THEN b.typtypmod ELSE b.modifier END, t.typtype, t.typbasetype,
              t.typtypmod
       FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd'
     )
     SELECT '' AS name, t.oid AS type_oid, t.typname AS type_name, b.modifier, t.typtype AS type_kind,
            e.oid AS element_oid, e.typname AS element_name, e.typtype AS element_kind,
            (SELECT pg_catalog.json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_catalog.pg_enum l
             WHERE l.enumtypid = COALESCE(e.oid, t.oid)) AS labels,
            'f' AS not_null, '' AS storage, '' AS generated, NULL AS default_sql, '0' AS key_rank
     FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
     LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'`,
    [oid, modifier],
  );
  if (rows[0] === undefined) return undefined;
  const { typeOid, typeName, typeModifier, typeKind, elementType, enumLabels } = toColumn(rows[0]);
  return { typeOid, typeName, typeModifier, typeKind, elementType, enumLabels };
}
