import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Access } from '../access/access.ts';
import { isRunning, startIfDown, workerServices } from '../access/instance-services.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** Transactions with such a name, in this instance's sink, are this fault's. */
const GID = 'cdc_lab_held_';
const ITEMS = 'order_items';

/**
 * An order and its items are one transaction at the source, and two topics behind it. The sink is killed when it has
 * written the order and not its items: a lock keeps it from writing these. A prepared transaction holds the lock, so that
 * it can be released by another process than the one that took it.
 */
export default defineFault({
  description: 'SIGKILL the sink when it has written an order, and not yet the items of the same transaction',
  params: z.strictObject({}),
  example: {},
  needs: ['kill', 'start'],
  touches: ['instance'],

  async observe({ access }) {
    return { held: await heldHere(access), torn: (await tornOrders(access)).length };
  },

  async inject({ lab, instance, access, signal, withinMs }) {
    const gid = `${GID}${randomBytes(4).toString('hex')}`;
    await access.transaction('sink', [
      `LOCK TABLE ${ITEMS} IN SHARE ROW EXCLUSIVE MODE`,
      `PREPARE TRANSACTION '${gid}'`,
    ]);
    const held = async () => {
      if (!(await isWaiting(access))) return undefined;
      const torn = await tornOrders(access);
      return torn.length === 0 ? undefined : torn;
    };
    const what = 'the sink to have an order of which it waits to write the items';
    const torn = await until(held, { what, withinMs, everyMs: 50, signal });
    const killed = [];
    for (const service of workerServices(instance, 'sink'))
      killed.push((await lab.runtime.kill?.(service))?.evidence ?? {});
    // What a client has sent is carried out after its death, too: its COMMIT may be among it.
    await access.query('sink', `SELECT pg_terminate_backend(pid) FROM (${WAITING}) AS waiting`);
    const gone = async () => !(await isWaiting(access));
    await until(gone, { what: 'the sink’s session to end', withinMs, everyMs: 25, signal });
    await release(access);
    return { gid, order: torn[0], torn: torn.length, killed };
  },

  async prove({ lab, instance, access }, _, __, { order }) {
    if (typeof order !== 'string') return undefined;
    for (const service of workerServices(instance, 'sink')) {
      if (await isRunning(lab.runtime, service)) return undefined;
    }
    const items = `SELECT count(*)::int AS n FROM ${ITEMS} WHERE order_id = $1`;
    const [source] = await access.query('source', items, [order]);
    const [sink] = await access.query('sink', items, [order]);
    const [parent] = await access.query('sink', 'SELECT count(*)::int AS n FROM orders WHERE id = $1', [
      order,
    ]);
    if (Number(source?.n) === 0 || Number(sink?.n) !== 0 || Number(parent?.n) !== 1) return undefined;
    return { order, itemsAtTheSource: source?.n, itemsInTheSink: 0, sinkIsDown: true };
  },

  async heal({ lab, instance, access, signal }) {
    const released = await release(access);
    const started: string[] = [];
    for (const service of workerServices(instance, 'sink')) {
      if ((await startIfDown(lab.runtime, service, signal)) !== null) started.push(service);
    }
    const lock = released.length === 0 ? '' : `; released the lock on ${ITEMS}`;
    const said = started.length === 0 ? 'the sink was running' : `started ${started.join(', ')} again`;
    return { said: said + lock, evidence: { started, released } };
  },
});

type Query = Pick<Access, 'query'>;

/** Sessions that wait to write {@link ITEMS}. */
const WAITING = `
  SELECT l.pid FROM pg_locks l
   WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND l.relation = '${ITEMS}'::regclass AND NOT l.granted`;

async function isWaiting(access: Query): Promise<boolean> {
  return (await access.query('sink', WAITING)).length > 0;
}

/** Orders of the sink's last ones that have items at the source and none in the sink. */
async function tornOrders(access: Query): Promise<string[]> {
  const orders = await access.query(
    'sink',
    `SELECT o.id::text AS id FROM orders o WHERE NOT EXISTS (SELECT FROM ${ITEMS} i WHERE i.order_id = o.id) LIMIT 500`,
  );
  const ids = orders.map(({ id }) => String(id));
  const rows = await access.query(
    'source',
    `SELECT DISTINCT order_id::text AS id FROM ${ITEMS} WHERE order_id::text = ANY($1) ORDER BY id`,
    [ids],
  );
  return rows.map(({ id }) => String(id));
}

/** @returns The names of the prepared transactions that held the lock. */
async function release(access: Query): Promise<string[]> {
  const held = await heldHere(access);
  for (const gid of held) await access.query('sink', `ROLLBACK PREPARED '${gid}'`);
  return held;
}

async function heldHere(access: Query): Promise<string[]> {
  const rows = await access.query(
    'sink',
    'SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND starts_with(gid, $1)',
    [GID],
  );
  return rows.map(({ gid }) => String(gid));
}
