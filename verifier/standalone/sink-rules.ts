import { z } from 'zod';
import type { Database } from '../connection/postgres.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { idOfRow } from '../table-id.ts';

/** What the sink enforces for the rows of a table, apart from foreign keys. */
export interface TableRules {
  /** All columns but generated ones. */
  readonly columns: readonly string[];
  /** Identity columns that are GENERATED ALWAYS. */
  readonly always: readonly string[];
  readonly uniques: readonly UniqueRule[];
}

/** A unique or excluding index. */
interface UniqueRule {
  /** Columns of the index, of its expressions and of its predicate. */
  readonly columns: readonly string[];
  readonly isPrimary: boolean;
  /** Checked for each row; false: at the end of the statement or transaction. */
  readonly isImmediate: boolean;
  /** Any number of rows may have NULL in one of the columns. */
  readonly admitsNulls: boolean;
}

const RULES_SQL = `
  SELECT n.nspname AS schema, c.relname AS name,
    (SELECT json_agg(a.attname) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')::text AS columns,
    (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attidentity = 'a')::text AS always,
    (SELECT json_agg(json_build_object('columns', coalesce(u.columns, '[]'), 'isPrimary', i.indisprimary,
         'isImmediate', i.indimmediate, 'admitsNulls',
         i.indexprs IS NULL AND NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false)))
     FROM pg_index i CROSS JOIN LATERAL (
       SELECT json_agg(a.attname) AS columns FROM pg_attribute a
       WHERE a.attrelid = c.oid AND (a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) OR EXISTS (
         SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
           AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND a.attnum > 0))
     ) u WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion))::text AS uniques
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))`;

const namesSchema = z.array(z.string());
const uniquesSchema = z.array(
  z.object({
    ...{ columns: namesSchema, isPrimary: z.boolean(), isImmediate: z.boolean(), admitsNulls: z.boolean() },
  }),
);

/** The rules of these tables, by their ids. */
export async function readRules(
  sink: Database,
  tables: readonly Pick<Table, 'schema' | 'name'>[],
): Promise<ReadonlyMap<string, TableRules>> {
  const rows = await sink.query(RULES_SQL, [
    tables.map(({ schema }) => schema),
    tables.map(({ name }) => name),
  ]);
  return new Map(
    rows.map(({ schema, name, columns, always, uniques }) => [
      idOfRow(schema, name),
      {
        columns: namesSchema.parse(JSON.parse(columns ?? '[]')),
        always: namesSchema.parse(JSON.parse(always ?? '[]')),
        uniques: uniquesSchema.parse(JSON.parse(uniques ?? '[]')),
      },
    ]),
  );
}
