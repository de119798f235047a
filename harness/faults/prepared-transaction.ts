import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Access } from '../access/access.ts';
import { infoOf, isRunning, startIfDown } from '../access/instance-services.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** Transactions with such a name, in this instance's database, are this fault's. */
const GID = 'cdc_lab_prepared_';
const AT_ONCE = { commit: 'COMMIT PREPARED', rollback: 'ROLLBACK PREPARED' } as const;

/**
 * An application commits in two phases, and the capture is killed between them. Its slot has passed the PREPARE by then:
 * whatever a capture does at a PREPARE, it has done. How the transaction ends is in the WAL that it reads after its start.
 */
export default defineFault({
  description: 'prepare a transaction at the source, SIGKILL the capture, then commit it or roll it back',
  params: z.strictObject({
    end: z.enum(['commit', 'rollback']),
    /** Customers that the transaction inserts. */
    rows: z.number().int().positive().default(50),
  }),
  example: { end: 'rollback', rows: 50 },
  needs: ['kill', 'start'],
  touches: ['instance'],

  async observe({ lab, instance, access }) {
    const { pid } = await infoOf(lab.runtime, instance.services.capture);
    return { pid, prepared: await preparedHere(access) };
  },

  async inject({ lab, instance, access, signal, withinMs }, { end, rows = 50 }) {
    const gid = `${GID}${randomBytes(4).toString('hex')}`;
    await access.transaction('source', [
      `INSERT INTO customers (id, email, name)
       SELECT gen_random_uuid(), i || '@${gid}.example', 'Prepared' FROM generate_series(1, ${rows}) i`,
      `PREPARE TRANSACTION '${gid}'`,
    ]);
    const [prepared] = await access.query(
      'source',
      'SELECT transaction::text AS xid, pg_current_wal_lsn()::text AS lsn FROM pg_prepared_xacts WHERE gid = $1',
      [gid],
    );
    const passed = async () => {
      const [row] = await access.query(
        'source',
        'SELECT confirmed_flush_lsn > $2::pg_lsn AS passed FROM pg_replication_slots WHERE slot_name = $1',
        [instance.slot, prepared?.lsn],
      );
      return row?.passed === true;
    };
    await until(passed, { what: 'the slot to pass the PREPARE', withinMs, everyMs: 50, signal });
    const killed = await lab.runtime.kill?.(instance.services.capture);
    await access.query('source', `${AT_ONCE[end]} '${gid}'`);
    return { gid, xid: prepared?.xid, preparedAt: prepared?.lsn, killed: killed?.evidence ?? {} };
  },

  async prove({ lab, instance, access }, { end, rows = 50 }, before, { gid, xid, preparedAt }) {
    const service = instance.services.capture;
    if (typeof gid !== 'string' || typeof xid !== 'string') return undefined;
    if (await isRunning(lab.runtime, service)) return undefined;
    const [seen] = await access.query(
      'source',
      `SELECT (SELECT count(*)::int FROM customers WHERE email LIKE $1) AS rows,
              (SELECT count(*)::int FROM pg_prepared_xacts WHERE gid = $2) AS prepared`,
      [`%@${gid}.example`, gid],
    );
    const wanted = end === 'commit' ? rows : 0;
    if (Number(seen?.prepared) !== 0 || Number(seen?.rows) !== wanted) return undefined;
    const ended = end === 'commit' ? 'committed' : 'rolled back';
    return { service, pidBefore: before.pid, gone: true, xid, preparedAt, ended, rowsAtTheSource: wanted };
  },

  async heal({ lab, instance, access, signal }) {
    const left = await preparedHere(access);
    for (const gid of left) await access.query('source', `ROLLBACK PREPARED '${gid}'`);
    const started = await startIfDown(lab.runtime, instance.services.capture, signal);
    const capture = `${instance.services.capture} ${started === null ? 'was running' : 'is started again'}`;
    const said = left.length === 0 ? capture : `${capture}; rolled back ${left.join(', ')}`;
    return { said, evidence: { rolledBack: left, ...started?.evidence } };
  },
});

/** The transactions of this fault that are prepared in the instance's database. */
async function preparedHere(access: Pick<Access, 'query'>): Promise<string[]> {
  const rows = await access.query(
    'source',
    'SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND starts_with(gid, $1)',
    [GID],
  );
  return rows.map(({ gid }) => String(gid));
}
