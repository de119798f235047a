import { z } from 'zod';
import type { Access, Side } from '../access/access.ts';
import { defineFault } from '../plugins/fault.ts';

const identifier = z.string().regex(/^[a-z_][a-z0-9_]*$/);

/**
 * A migration that the downstream team does not know about.
 *
 * It cannot be undone: the column would stay in the sink, which the lab only reads, with values that the source no longer
 * has. The next injection adds the next column: `tier`, `tier_2`, …
 */
export default defineFault({
  description: 'add a column to a captured table',
  params: z.strictObject({
    table: identifier,
    column: identifier,
    /** Type and constraints, as SQL has them after the column's name. */
    definition: z.string().regex(/^[A-Za-z0-9_(), ']+$/),
  }),
  example: { table: 'customers', column: 'tier', definition: "text NOT NULL DEFAULT 'standard'" },
  needs: [],
  touches: ['instance'],

  async observe({ access }, { table }) {
    return { columns: await columns(access, 'source', table) };
  },

  async inject({ access }, { table, column: wanted, definition }) {
    const column = await columnToAdd(access, table, wanted);
    // A writer's transaction holds the table for moments only; a long wait here would block every writer behind it.
    await access.query('source', `ALTER TABLE "${table}" ADD COLUMN "${column}" ${definition}`);
    return { sql: `ALTER TABLE ${table} ADD COLUMN ${column} ${definition}` };
  },

  async prove({ access }, { table, column: wanted }, before) {
    const now = await columns(access, 'source', table);
    const known = before.columns as readonly string[];
    const column = now.find((name) => !known.includes(name) && isOfSeries(wanted, name));
    return column === undefined ? undefined : { table, column, columns: now };
  },

  async heal({ access }, { table, column: wanted }) {
    const added = (await columns(access, 'source', table)).filter((name) => isOfSeries(wanted, name));
    const said = `column ${table}.${added.at(-1) ?? wanted} stays: a migration is not undone`;
    return { said, evidence: {} };
  },
});

async function columnToAdd(access: Access, table: string, wanted: string): Promise<string> {
  const there = new Set(await columns(access, 'source', table));
  // A column that was dropped only at the source is still in the sink, with its old values.
  for (const name of await columns(access, 'sink', table)) there.add(name);
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}_${number}`;
    if (!there.has(name)) return name;
  }
}

/** `tier`, `tier_2`, `tier_3`, … */
function isOfSeries(wanted: string, name: string): boolean {
  return name === wanted || (name.startsWith(`${wanted}_`) && /^\d+$/.test(name.slice(wanted.length + 1)));
}

async function columns(access: Pick<Access, 'query'>, side: Side, table: string): Promise<string[]> {
  const rows = await access.query(
    side,
    `SELECT attname FROM pg_attribute
      WHERE attrelid = to_regclass('public.' || quote_ident($1)) AND attnum > 0 AND NOT attisdropped
      ORDER BY attnum`,
    [table],
  );
  return rows.map((row) => String(row.attname));
}
