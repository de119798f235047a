import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Access, Side } from '../access/access.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** The rows of this fault, and no others, are under the index. */
const DOMAIN = '@swap.example';
const INDEX = 'cdc_lab_swap';

/**
 * Two customers exchange their e-mail addresses in one statement. The sink has a unique index that the source has not, or
 * checks only at COMMIT: whichever row the sink writes first, the other one still has the value.
 */
export default defineFault({
  description: 'let two rows swap a value that is unique in the sink',
  params: z.strictObject({}),
  example: {},
  needs: [],
  touches: ['instance'],

  async observe({ access }) {
    return { rows: (await emails(access, 'source')).length, index: await hasIndex(access) };
  },

  async inject({ access, signal, withinMs }) {
    const [one, other] = [randomUUID(), randomUUID()];
    await access.query(
      'source',
      `INSERT INTO customers (id, email, name) VALUES ($1, 'one${DOMAIN}', 'One'), ($2, 'other${DOMAIN}', 'Other')`,
      [one, other],
    );
    const arrived = async () => (await emails(access, 'sink')).length === 2;
    await until(arrived, { what: 'both rows to be in the sink', withinMs, everyMs: 50, signal });
    await access.query(
      'sink',
      `CREATE UNIQUE INDEX ${INDEX} ON customers (email) WHERE email LIKE '%${DOMAIN}'`,
    );
    await access.query(
      'source',
      `UPDATE customers SET version = version + 1, updated_at = now(),
              email = CASE WHEN id = $1 THEN 'other${DOMAIN}' ELSE 'one${DOMAIN}' END
        WHERE id IN ($1, $2)`,
      [one, other],
    );
    return { keys: [one, other], index: INDEX };
  },

  async prove({ access }, _, before) {
    const now = await emails(access, 'source');
    if (before.rows !== 0 || before.index !== false || now.length !== 2 || !(await hasIndex(access)))
      return undefined;
    const swapped = now.every(({ name, email }) => email !== `${name.toLowerCase()}${DOMAIN}`);
    return swapped ? { swapped: now.map(({ email }) => email), uniqueInSink: INDEX } : undefined;
  },

  async heal({ access }) {
    const had = await hasIndex(access);
    await access.query('sink', `DROP INDEX IF EXISTS ${INDEX}`);
    const said = had ? `dropped the unique index ${INDEX} of the sink` : 'the sink had no such index';
    return { said, evidence: { index: await hasIndex(access) } };
  },
});

async function emails(access: Pick<Access, 'query'>, side: Side): Promise<{ name: string; email: string }[]> {
  const rows = await access.query(
    side,
    `SELECT name, email FROM customers WHERE email LIKE '%${DOMAIN}' ORDER BY name`,
  );
  return rows.map(({ name, email }) => ({ name: String(name), email: String(email) }));
}

async function hasIndex(access: Pick<Access, 'query'>): Promise<boolean> {
  const [row] = await access.query('sink', 'SELECT to_regclass($1) IS NOT NULL AS found', [INDEX]);
  return row?.found === true;
}
