import { z } from 'zod';
import type { Access } from '../access/access.ts';
import { defineFault } from '../plugins/fault.ts';

const identifier = z.string().regex(/^[a-z_][a-z0-9_]*$/);

/** PostgreSQL refuses updates and deletes of such a table as soon as a publication contains it. */
export default defineFault({
  description: 'take the replica identity from a table of the source',
  params: z.strictObject({ table: identifier }),
  example: { table: 'documents' },
  needs: [],
  touches: ['instance'],

  async observe({ access }, { table }) {
    return { identity: await identityOf(access, table) };
  },

  async inject({ access }, { table }) {
    await access.query('source', `ALTER TABLE public."${table}" REPLICA IDENTITY NOTHING`);
    return { statement: `ALTER TABLE ${table} REPLICA IDENTITY NOTHING` };
  },

  async prove({ access }, { table }, before) {
    const identity = await identityOf(access, table);
    if (identity !== 'n' || before.identity === 'n') return undefined;
    return { table, identityBefore: before.identity, identity };
  },

  async heal({ access }, { table }) {
    const before = await identityOf(access, table);
    if (before === 'n')
      await access.query('source', `ALTER TABLE public."${table}" REPLICA IDENTITY DEFAULT`);
    const identity = await identityOf(access, table);
    const said = before === 'n' ? `${table} has its key as identity again` : `${table} had its identity`;
    return { said, evidence: { before, identity } };
  },
});

/** `relreplident`: `d` the primary key, `n` nothing. */
async function identityOf(access: Pick<Access, 'query'>, table: string): Promise<string | null> {
  const [row] = await access.query(
    'source',
    `SELECT relreplident::text AS identity FROM pg_class WHERE oid = to_regclass('public.' || quote_ident($1))`,
    [table],
  );
  return row === undefined ? null : String(row.identity);
}
