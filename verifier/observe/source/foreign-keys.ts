import { z } from 'zod';
import type { Database } from '../../connection/postgres.ts';
import { idOfRow } from '../../table-id.ts';

export interface ForeignKey {
  readonly name: string;
  /** The id of the referencing table. */
  readonly table: string;
  readonly columns: readonly KeyColumn[];
  readonly referenced: string;
  /** The referencing table, quoted and schema-qualified. */
  readonly relation: string;
  /** `pg_constraint.confdeltype`: `a` for NO ACTION, `c` for CASCADE, and so on. */
  readonly onDelete: string;
  readonly isDeferrable: boolean;
  readonly isEnforced: boolean;
}

/** A referencing column, and how PostgreSQL compares it with the column that it refers to. */
export interface KeyColumn {
  readonly name: string;
  readonly referenced: string;
  /** As `regoperator` prints it: `=(integer,bigint)`, with schemas outside `pg_catalog`. */
  readonly signature: string;
  /** `OPERATOR(pg_catalog.=)`. */
  readonly operator: string;
  /** Collation of the referenced column, quoted and schema-qualified; null if its type has none. */
  readonly collation: string | null;
  /** Different texts can be equal under the collation. */
  readonly isNondeterministic: boolean;
  /** The column is a range, which the ranges of several referenced rows cover together (`PERIOD`, PostgreSQL 18). */
  readonly isPeriod: boolean;
}

// `conperiod` and `conenforced` do not exist before PostgreSQL 18. https://www.postgresql.org/docs/18/catalog-pg-constraint.html
const FOREIGN_KEYS_SQL = `
  SELECT k.conname AS name, n.nspname AS schema, c.relname AS table,
    fn.nspname AS referenced_schema, f.relname AS referenced,
    format('%I.%I', n.nspname, c.relname) AS relation, k.confdeltype::text AS on_delete,
    k.condeferrable::text AS is_deferrable, coalesce(to_jsonb(k) ->> 'conenforced', 'true') AS is_enforced,
    (SELECT json_agg(json_build_object(
         'name', a.attname, 'referenced', fa.attname, 'signature', coalesce(o.oid::regoperator::text, ''),
         'operator', CASE WHEN o.oid IS NULL THEN '' ELSE format('OPERATOR(%I.%s)', opn.nspname, o.oprname) END,
         'collation', CASE WHEN l.oid IS NOT NULL THEN format('%I.%I', ln.nspname, l.collname) END,
         'isNondeterministic', NOT coalesce(l.collisdeterministic, true),
         'isPeriod', coalesce((to_jsonb(k) ->> 'conperiod')::bool, false) AND u.rank = cardinality(k.conkey)
       ) ORDER BY u.rank)
     FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS u(own, theirs, operator, rank)
     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own
     JOIN pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = u.theirs
     LEFT JOIN pg_operator o ON o.oid = u.operator LEFT JOIN pg_namespace opn ON opn.oid = o.oprnamespace
     LEFT JOIN pg_collation l ON l.oid = fa.attcollation
     LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace)::text AS columns
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
  WHERE k.contype = 'f' AND k.conparentid = 0
  ORDER BY 2, 3, 1`;

const columnsSchema = z.array(
  z.object({
    ...{ name: z.string(), referenced: z.string(), signature: z.string(), operator: z.string() },
    ...{ collation: z.string().nullable(), isNondeterministic: z.boolean(), isPeriod: z.boolean() },
  }),
);

/** Foreign keys of all tables, those of partitions left out. */
export async function readForeignKeys(database: Database): Promise<readonly ForeignKey[]> {
  return (await database.query(FOREIGN_KEYS_SQL)).map((row) => ({
    name: row.name ?? '',
    table: idOfRow(row.schema, row.table),
    referenced: idOfRow(row.referenced_schema, row.referenced),
    relation: row.relation ?? '',
    onDelete: row.on_delete ?? 'a',
    isDeferrable: row.is_deferrable === 'true',
    isEnforced: row.is_enforced === 'true',
    columns: columnsSchema.parse(JSON.parse(row.columns ?? '[]')),
  }));
}

/** What a database knows of a key's operators and collations, which another database may lack. */
export interface Known {
  readonly versionNumber: number;
  readonly signatures: ReadonlySet<string>;
  readonly collations: ReadonlySet<string>;
}

export async function readKnown(database: Database, keys: readonly ForeignKey[]): Promise<Known> {
  const columns = keys.flatMap((key) => key.columns);
  const signatures = [...new Set(columns.map(({ signature }) => signature))];
  const collations = [...new Set(columns.flatMap(({ collation }) => collation ?? []))];
  const row = await database.one(
    `SELECT current_setting('server_version_num') AS version,
       (SELECT json_agg(s) FROM unnest($1::text[]) s WHERE to_regoperator(s) IS NOT NULL)::text AS signatures,
       (SELECT json_agg(c) FROM unnest($2::text[]) c WHERE to_regcollation(c) IS NOT NULL)::text AS collations`,
    [signatures, collations],
  );
  const listed = (text: string | null | undefined): Set<string> =>
    new Set(z.array(z.string()).parse(JSON.parse(text ?? '[]')));
  return {
    versionNumber: Number(row.version),
    signatures: listed(row.signatures),
    collations: listed(row.collations),
  };
}
