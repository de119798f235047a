import pg from 'pg';
import { z } from 'zod';
import { connectionOptions } from '../../verifier/connection/connection-string.ts';
import type { Access } from '../access/access.ts';
import type { Instance } from '../lab/lab.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** By which the session is found again, also by another process. */
const APPLICATION = 'cdc-lab-blocker';
/** The blocker is in another database than the pipeline. */
const ELSEWHERE = 'postgres';

const params = z.strictObject({
  /** An open transaction that has an xid, or one that was prepared and forgotten. */
  by: z.enum(['transaction', 'prepared']),
});
type Params = z.infer<typeof params>;
const NAMES = { transaction: 'transaction', prepared: 'prepared transaction' } as const;

/**
 * A new slot begins where no transaction is under way of which it would see only a part. So its creation waits for every
 * transaction that has an xid, in every database of the server.
 */
export default defineFault({
  description: 'leave a transaction open in another database, so that no slot can be created',
  params,
  example: { by: 'transaction' },
  needs: [],
  touches: ['pg-source'],

  async observe({ access, instance }, given) {
    return { blockers: await blockersIn(access, instance, given) };
  },

  async inject({ instance }, given) {
    const client = new pg.Client({
      ...connectionOptions(elsewhere(instance), 'source.password'),
      application_name: APPLICATION,
    });
    // The heal ends its session.
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    const { rows } = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
    if (given.by === 'prepared') {
      await client.query(`PREPARE TRANSACTION '${gidOf(instance)}'`);
      await client.end();
    }
    return { xid: rows[0]?.xid, database: ELSEWHERE };
  },

  async prove({ access, instance }, given, before, { xid }) {
    const blockers = await blockersIn(access, instance, given);
    if (Number(before.blockers) !== 0 || blockers === 0 || xid === undefined) return undefined;
    return { by: given.by, database: ELSEWHERE, xid };
  },

  async heal({ access, instance, signal, withinMs }, given) {
    const before = await blockersIn(access, instance, given);
    if (before > 0) await end(access, instance, given);
    const isOver = async () => (await blockersIn(access, instance, given)) === 0;
    await until(isOver, { what: 'the open transaction to end', withinMs, signal });
    const said = before > 0 ? `ended the open ${NAMES[given.by]}` : `no ${NAMES[given.by]} was open`;
    return { said, evidence: { ended: before } };
  },
});

const gidOf = ({ name }: Instance): string => `cdc-lab-${name}`;

function elsewhere({ sourceUrl }: Instance): string {
  const url = new URL(sourceUrl);
  url.pathname = `/${ELSEWHERE}`;
  return url.href;
}

/** Transactions of this fault that are open. */
async function blockersIn(
  access: Pick<Access, 'query'>,
  instance: Instance,
  { by }: Params,
): Promise<number> {
  const [row] =
    by === 'prepared'
      ? await access.query('source', 'SELECT count(*)::int AS open FROM pg_prepared_xacts WHERE gid = $1', [
          gidOf(instance),
        ])
      : await access.query(
          'source',
          'SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = $1 AND backend_xid IS NOT NULL',
          [APPLICATION],
        );
  return Number(row?.open ?? 0);
}

async function end(access: Pick<Access, 'query'>, instance: Instance, { by }: Params): Promise<void> {
  if (by === 'transaction') {
    await access.query(
      'source',
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
      [APPLICATION],
    );
    return;
  }
  // Only in the database in which it was prepared.
  const client = new pg.Client(connectionOptions(elsewhere(instance), 'source.password'));
  await client.connect();
  try {
    await client.query(`ROLLBACK PREPARED '${gidOf(instance)}'`);
  } finally {
    await client.end();
  }
}
