import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import type { Access, Side } from '../access/access.ts';
import { defineFault, type FaultContext } from '../plugins/fault.ts';

const identifier = z.string().regex(/^[a-z_][a-z0-9_]*$/);

/**
 * A migration that the downstream team does not know about.
 *
 * It cannot be undone: the column would stay in the sink, which the lab only reads, with values that the source no longer
 * has. Your own lab is made new by `clean`; in a pipeline that somebody else runs, the next injection adds the next
 * column: `tier`, `tier_2`, …
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

  async observe({ access }, { table }) {
    return { columns: await columns(access, 'source', table) };
  },

  async inject({ access, instance }, { table, column: wanted, definition }) {
    const column = await columnToAdd({ access, instance }, table, wanted);
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

/** @throws LabError CDC-5020 where the lab's own source has the column already. */
async function columnToAdd(
  { access, instance }: Pick<FaultContext, 'access' | 'instance'>,
  table: string,
  wanted: string,
): Promise<string> {
  const there = new Set(await columns(access, 'source', table));
  if (instance.reach === undefined) {
    if (!there.has(wanted)) return wanted;
    throw new LabError('CDC-5020', `${table}.${wanted} is already there, from an earlier trigger`, {
      remedy: 'to do it again, drop it on both sides, or start afresh: cdc-lab clean, cdc-lab up',
    });
  }
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
