import { z } from 'zod';
import { beginAgain } from '../access/begin-again.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';
import { heldChunk, POINT, releaseChunk } from './lib/held-chunk.ts';

/**
 * A first snapshot whose chunks are each held when they are read, until rows of theirs have been changed: what is then
 * published is older than what the source has.
 *
 * The proof is what the server says of the transactions afterwards, as in `run-statements`.
 */
export default defineFault({
  description:
    'begin again, and change rows while each chunk of the first snapshot is read but not published',
  params: z.strictObject({
    chunks: z.number().int().positive(),
    /** Run for each chunk, in one transaction. `$n` is the chunk's number, from 1. Each must touch a row. */
    statements: z.array(z.string().min(1)).min(1),
  }),
  example: { chunks: 4, statements: ['UPDATE customers SET version = version + 1'] },
  needs: [],
  touches: ['set-up'],

  async observe({ access }) {
    const [row] = await access.query('source', 'SELECT pg_current_wal_lsn()::text AS lsn');
    return { lsn: row?.lsn };
  },

  async inject(context, { chunks, statements }) {
    const { access, signal, withinMs } = context;
    await access.armCrashPoint('capture', POINT, 0);
    await beginAgain(context, { untilRunning: false });
    const xids: string[] = [];
    let rows = 0;
    for (let chunk = 1; chunk <= chunks; chunk++) {
      const what = `chunk ${chunk} to reach ${POINT}`;
      await until(() => heldChunk(access), { what, withinMs, everyMs: 25, signal });
      const own = statements.map((sql) => sql.replaceAll('$n', String(chunk)));
      const committed = await access.transaction('source', own);
      if (committed.xid !== null) xids.push(committed.xid);
      rows += committed.rows.reduce<number>((sum, count) => sum + (count ?? 0), 0);
      // Arming it again releases this chunk, and holds the next.
      if (chunk < chunks) await access.armCrashPoint('capture', POINT, 0);
    }
    return { xids, rows, heldSince: (await heldChunk(access))?.since };
  },

  async prove({ access }, { chunks }, before, done) {
    const { xids = [], rows = 0 } = done as { readonly xids?: readonly string[]; readonly rows?: number };
    const held = await heldChunk(access);
    if (held === undefined || xids.length !== chunks || rows === 0) return undefined;
    const [seen] = await access.query(
      'source',
      `SELECT count(*)::int AS n FROM unnest($1::text[]) AS t (xid)
        WHERE pg_xact_status(t.xid::xid8) = 'committed' AND pg_current_wal_lsn() > $2::pg_lsn`,
      [xids, before.lsn],
    );
    if (Number(seen?.n) !== chunks) return undefined;
    return { chunksHeld: chunks, rowsTouched: rows, committed: xids.map((xid) => `xid ${xid}`) };
  },

  heal: ({ access }) => releaseChunk(access),
});
