import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Access } from '../access/access.ts';
import type { OffsetAnswer } from '../connect/answers.ts';
import { ConnectClient } from '../connect/connect-client.ts';
import type { Instance } from '../lab/lab.ts';
import { defineFault, type Evidence } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** As after an offsets topic was deleted, or a connector was given another name: the slot is still there. */
export default defineFault({
  description: 'delete the stored offsets of the capture, while it is stopped and the source is written to',
  params: z.strictObject({
    /** Transactions that are committed while the capture is stopped. */
    transactions: z.number().int().positive(),
  }),
  example: { transactions: 20 },
  needs: [],
  touches: ['instance'],

  async observe({ access }) {
    const { name } = await access.connectorStatus('capture');
    return { connector: name, offsets: await access.connectorOffsets('capture') };
  },

  async inject({ instance, access, signal, withinMs }, { transactions }) {
    const { client, name } = captureOf(instance);
    await client.stop(name);
    await client.waitForState(name, 'STOPPED', { deadlineMs: withinMs, signal });
    const before = await access.committed();
    const enough = async () => ((await access.committed()) - before >= transactions ? true : undefined);
    await until(enough, { what: `${transactions} transactions`, withinMs, signal });
    const left = await until(() => idleSlot(access, instance.slot), {
      what: `slot ${instance.slot} to be free`,
      withinMs,
      signal,
    });
    await client.resetOffsets(name);
    return { committedMeanwhile: transactions, asked: `DELETE /connectors/${name}/offsets`, slot: left };
  },

  /** Only the offsets may be gone: of another connector, or with another slot, it would be another failure. */
  async prove({ instance, access }, _, before, done) {
    const hadOffsets = storesAny(before.offsets as readonly OffsetAnswer[]);
    const offsets = await access.connectorOffsets('capture');
    const { name } = await access.connectorStatus('capture');
    const slot = await idleSlot(access, instance.slot);
    const isLost = hadOffsets && !storesAny(offsets);
    if (!isLost || name !== before.connector || slot === undefined) return undefined;
    if (!isDeepStrictEqual(slot, done.slot)) return undefined;
    return { offsetsBefore: before.offsets, offsetsNow: offsets, connector: name, slot };
  },

  async heal({ access, signal, withinMs }) {
    const before = (await access.connectorStatus('capture')).connector.state;
    await access.resumeConnector('capture');
    const states = await until(
      async () => {
        const { connector, tasks } = await access.connectorStatus('capture');
        const seen = [connector.state, ...tasks.map(({ state }) => state)];
        return seen.every((state) => state === 'RUNNING' || state === 'FAILED') ? seen : undefined;
      },
      { what: 'the capture to run', withinMs, signal },
    );
    return { said: 'resumed the capture', evidence: { before, states } };
  },
});

function captureOf(instance: Instance): { readonly client: ConnectClient; readonly name: string } {
  const client = new ConnectClient(instance.reach?.connect.capture ?? { baseUrl: instance.captureUrl });
  return { client, name: instance.connectors.source };
}

const storesAny = (offsets: readonly OffsetAnswer[]): boolean =>
  offsets.some(({ offset }) => offset !== null);

/** Where a slot is that nobody holds: it does not move then. Undefined if there is none, or somebody holds it. */
async function idleSlot(access: Pick<Access, 'query'>, name: string): Promise<Evidence | undefined> {
  const [slot] = await access.query(
    'source',
    `SELECT slot_name AS name, confirmed_flush_lsn::text AS confirmed, catalog_xmin::text AS xmin
       FROM pg_replication_slots WHERE slot_name = $1 AND NOT active`,
    [name],
  );
  return slot;
}
