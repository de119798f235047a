import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import type { Side } from '../access/access.ts';
import { defineFault } from '../plugins/fault.ts';

const params = z.strictObject({
  on: z.enum(['source', 'sink']),
  /** Statements by transaction, in order. Each that counts rows must touch at least one. */
  transactions: z.array(z.array(z.string().min(1)).min(1)).min(1),
});

/**
 * SQL that is the failure itself: a TRUNCATE, a changed key, an edit in the sink. What was committed cannot be undone.
 *
 * The proof is what the server says of it afterwards, by the transactions' ids. A transaction that was rolled back, or
 * that wrote nothing, and so has no id, is no proof.
 */
export default defineFault({
  description: 'run SQL on the source or the sink, in transactions',
  params,
  example: {
    on: 'source',
    transactions: [['UPDATE customers SET id = gen_random_uuid(), version = version + 1 WHERE version = 1']],
  },
  needs: [],
  touches: ['instance'],

  async observe({ access }, { on }) {
    return { lsn: await currentLsn(access, on) };
  },

  async inject({ access, signal }, { on, transactions }) {
    const xids: (string | null)[] = [];
    const rows: (number | null)[] = [];
    for (const statements of transactions) {
      signal.throwIfAborted();
      const committed = await access.transaction(on, statements);
      xids.push(committed.xid);
      rows.push(...committed.rows);
      const idle = committed.rows.indexOf(0);
      if (idle >= 0) throw touchedNothing(statements[idle] ?? '');
    }
    return { on, xids, rows, lsn: await currentLsn(access, on) };
  },

  async prove({ access }, { on }, before, done) {
    const { xids = [], rows = [] } = done as Partial<Done>;
    if (xids.length === 0 || xids.includes(null) || rows.includes(0)) return undefined;
    const [seen] = await access.query(
      on,
      `SELECT count(*)::int AS n FROM unnest($1::text[]) AS t (xid)
        WHERE pg_xact_status(t.xid::xid8) = 'committed' AND pg_current_wal_lsn() > $2::pg_lsn`,
      [xids, before.lsn],
    );
    if (Number(seen?.n) !== xids.length) return undefined;
    const touched = rows.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    return { on, committed: xids.map((xid) => `xid ${xid}`), rowsTouched: touched };
  },

  async heal(_, { on }) {
    return { said: `what was committed at the ${on} stays`, evidence: {} };
  },
});

interface Done {
  /** Null: the transaction wrote nothing. */
  readonly xids: readonly (string | null)[];
  readonly rows: readonly (number | null)[];
}

async function currentLsn(
  access: { query(side: Side, sql: string): Promise<Record<string, unknown>[]> },
  on: Side,
): Promise<string> {
  const [row] = await access.query(on, 'SELECT pg_current_wal_lsn()::text AS lsn');
  return String(row?.lsn);
}

function touchedNothing(statement: string): LabError {
  return new LabError('CDC-5035', `a statement of the fault touched no row: ${statement}`, {
    remedy: 'see that the rows that it is about exist; `seedRows` and `atSource` of the scenario make them',
  });
}
