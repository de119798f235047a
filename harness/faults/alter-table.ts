import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { defineFault } from '../runner/fault.ts';

const identifier = z.string().regex(/^[a-z_][a-z0-9_]*$/);

/** The migration that nobody told the downstream team about. */
export default defineFault({
  description: 'add a column to a captured table',
  params: z.strictObject({
    table: identifier,
    column: identifier,
    /** Type and constraints, as they stand after the column's name. */
    definition: z.string().regex(/^[A-Za-z0-9_(), ']+$/),
  }),
  example: { table: 'customers', column: 'tier', definition: "text NOT NULL DEFAULT 'standard'" },
  needs: [],

  async observe({ access }, { table, column }) {
    return { present: (await columns(access, table)).includes(column) };
  },

  async inject({ access }, { table, column, definition }) {
    if ((await columns(access, table)).includes(column)) {
      throw new LabError('CDC-5020', `${table}.${column} is already there, from an earlier trigger`, {
        remedy: 'to do it again, drop it on both sides, or start afresh: cdc-lab clean, cdc-lab up',
      });
    }
    // A writer's transaction holds the table for moments only; a long wait here would block every writer behind it.
    await access.query('source', `ALTER TABLE "${table}" ADD COLUMN "${column}" ${definition}`);
    return { sql: `ALTER TABLE ${table} ADD COLUMN ${column} ${definition}` };
  },

  async prove({ access }, { table, column }, before) {
    const now = await columns(access, table);
    if (before.present === true || !now.includes(column)) return undefined;
    return { table, column, columns: now };
  },

  async heal(_, { table, column }) {
    return { said: `column ${table}.${column} stays: a migration is not undone`, evidence: {} };
  },
});

async function columns(
  access: Parameters<Parameters<typeof defineFault>[0]['heal']>[0]['access'],
  table: string,
): Promise<string[]> {
  const rows = await access.query(
    'source',
    `SELECT attname FROM pg_attribute
      WHERE attrelid = ('public.' || quote_ident($1))::regclass AND attnum > 0 AND NOT attisdropped
      ORDER BY attnum`,
    [table],
  );
  return rows.map((row) => String(row.attname));
}
