import { z } from 'zod';
import type { Access } from '../access/access.ts';
import { beginAgain } from '../access/begin-again.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';
import { heldChunk, POINT, releaseChunk } from './lib/held-chunk.ts';

const identifier = z.string().regex(/^[a-z_][a-z0-9_]*$/);

/**
 * A migration while the first snapshot is under way. A capture that has locked the table against DDL makes it wait until
 * the snapshot has ended, so the chunk is released as soon as the server says that the ALTER TABLE waits.
 */
export default defineFault({
  description:
    'begin again, and add a column to a table, and give it values, between two chunks of the first snapshot',
  params: z.strictObject({
    table: identifier,
    column: identifier,
    /** Type and constraints, as SQL has them after the column's name. */
    definition: z.string().regex(/^[A-Za-z0-9_(), ']+$/),
    /** The value that every row gets, as an SQL expression. */
    value: z.string().min(1),
  }),
  example: { table: 'orders', column: 'channel', definition: 'text', value: "'web'" },
  needs: [],
  touches: ['set-up'],

  async observe({ access }, { table, column }) {
    return { hasColumn: await hasColumn(access, table, column) };
  },

  async inject(context, { table, column, definition, value }) {
    const { access, signal, withinMs } = context;
    await access.armCrashPoint('capture', POINT, 1);
    await beginAgain(context, { untilRunning: false });
    const what = `the capture to reach ${POINT}`;
    await until(() => heldChunk(access), { what, withinMs, everyMs: 25, signal });
    const altered = Promise.withResolvers<void>();
    let isDone = false;
    access.query('source', `ALTER TABLE public.${table} ADD COLUMN ${column} ${definition}`).then(() => {
      isDone = true;
      altered.resolve();
    }, altered.reject);
    altered.promise.catch(() => undefined);
    const settled = async () => isDone || (await waits(access, table));
    await until(settled, { what: 'the ALTER TABLE to be done, or to wait', withinMs, everyMs: 25, signal });
    const waitedForSnapshot = !isDone;
    await access.releaseCrashPoint('capture', POINT);
    await altered.promise;
    // Nothing else: the writer's ledger knows the rows by their versions.
    const committed = await access.transaction('source', [`UPDATE public.${table} SET ${column} = ${value}`]);
    return { waitedForSnapshot, xid: committed.xid, rows: committed.rows[0] };
  },

  async prove({ access }, { table, column }, before, done) {
    const { xid, rows, waitedForSnapshot } = done;
    if (before.hasColumn === true || !(await hasColumn(access, table, column))) return undefined;
    if (typeof xid !== 'string' || Number(rows) === 0) return undefined;
    return { table, column, waitedForSnapshot, committed: `xid ${xid}`, rowsTouched: rows };
  },

  heal: ({ access }) => releaseChunk(access),
});

/** Whether a session waits for a lock on the table that nobody else may have beside it. */
async function waits(access: Pick<Access, 'query'>, table: string): Promise<boolean> {
  const [row] = await access.query(
    'source',
    `SELECT count(*)::int AS n FROM pg_locks
      WHERE relation = to_regclass('public.' || quote_ident($1)) AND mode = 'AccessExclusiveLock' AND NOT granted`,
    [table],
  );
  return Number(row?.n) > 0;
}

async function hasColumn(access: Pick<Access, 'query'>, table: string, column: string): Promise<boolean> {
  const [row] = await access.query(
    'source',
    `SELECT count(*)::int AS n FROM pg_attribute
      WHERE attrelid = to_regclass('public.' || quote_ident($1)) AND attname = $2 AND NOT attisdropped`,
    [table, column],
  );
  return Number(row?.n) > 0;
}
