import type { Client } from 'pg';
import { z } from 'zod';
import { withDatabase } from '../../fixtures/database.ts';
import { applySchema, FIXTURE_TABLES, SIGNAL_TABLE } from '../../fixtures/schema/schema.ts';
import { connectionOptions } from '../../verifier/connection/connection-string.ts';
import type { Instance } from '../lab/lab.ts';
import { defineFault } from '../plugins/fault.ts';
import { historyOf, onPort, replaceSource, sourceService, startSource } from './lib/source-server.ts';

const OTHER = 'other';
const ROWS_AT_ONCE = 1_000;

/**
 * A migration over the week-end: the rows are dumped from one server and restored into another, which then answers under
 * the old address. It has the same rows, another history, and no slot. No workload may run meanwhile.
 */
export default defineFault({
  description: 'copy the rows of the source to another server, and put that behind the same address',
  params: z.strictObject({}),
  example: {},
  needs: ['stop', 'start', 'startCopy', 'swapData'],
  touches: ['pg-source'],

  async observe(context) {
    return { ...(await historyOf(context)) };
  },

  async inject(context) {
    const { lab, instance } = context;
    const service = sourceService(instance);
    const other = await lab.runtime.startCopy?.(service, OTHER, {});
    const rows = await copyRows(instance, Number(other?.evidence.port));
    await lab.runtime.stop?.(String(other?.evidence.service));
    await lab.runtime.stop?.(service);
    await replaceSource(context, OTHER);
    return { rows };
  },

  async prove(context, _, before, { rows }) {
    const now = await historyOf(context);
    if (rows === undefined || now.system === undefined || now.system === before.system) return undefined;
    return { systemBefore: before.system, systemNow: now.system, rows };
  },

  async heal(context) {
    return { said: await startSource(context), evidence: {} };
  },
});

/** The fixture tables with their rows, as `pg_dump` and `psql` would bring them over. */
async function copyRows(instance: Instance, port: number): Promise<Record<string, number>> {
  const database = decodeURIComponent(new URL(instance.sourceUrl).pathname.slice(1));
  await withDatabase(onPort(instance, port, 'postgres'), (other) =>
    other.query(`CREATE DATABASE ${other.escapeIdentifier(database)} TEMPLATE template0`),
  );
  const counts: Record<string, number> = {};
  await withDatabase(connectionOptions(instance.sourceUrl, 'source.password'), (source) =>
    withDatabase(onPort(instance, port), async (other) => {
      await applySchema(other);
      for (const table of [...FIXTURE_TABLES, SIGNAL_TABLE])
        counts[table] = await copyTable(source, other, table);
    }),
  );
  return counts;
}

async function copyTable(source: Client, other: Client, table: string): Promise<number> {
  const columns = await storedColumns(other, table);
  const { rows } = await source.query<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM ${table} t`);
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    const part = rows.slice(from, from + ROWS_AT_ONCE).map(({ row }) => row);
    await other.query(
      `INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE
         SELECT ${columns} FROM jsonb_populate_recordset(NULL::${table}, $1::jsonb)`,
      [`[${part.join(',')}]`],
    );
  }
  return rows.length;
}

/** Names of the columns that are not generated, quoted. */
async function storedColumns(client: Client, table: string): Promise<string> {
  const { rows } = await client.query<{ list: string }>(
    `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS list FROM pg_attribute
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
    [table],
  );
  return rows[0]?.list ?? '';
}
