import { z } from 'zod';
import { ConnectClient } from '../connect/connect-client.ts';
import type { Instance } from '../lab/lab.ts';
import { defineFault } from '../plugins/fault.ts';
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

  async observe({ access }) {
    return { offsets: await access.connectorOffsets('capture') };
  },

  async inject({ instance, access, signal, withinMs }, { transactions }) {
    const { client, name } = captureOf(instance);
    await client.stop(name);
    await client.waitForState(name, 'STOPPED', { deadlineMs: withinMs, signal });
    const before = await access.committed();
    const enough = async () => ((await access.committed()) - before >= transactions ? true : undefined);
    await until(enough, { what: `${transactions} transactions`, withinMs, signal });
    await client.resetOffsets(name);
    return { committedMeanwhile: transactions, asked: `DELETE /connectors/${name}/offsets` };
  },

  async prove({ instance, access }, _, before) {
    const offsets = await access.connectorOffsets('capture');
    const isLost = offsets.every(({ offset }) => offset === null);
    const [{ slot_name: slot } = {}] = await access.query(
      'source',
      'SELECT slot_name FROM pg_replication_slots WHERE slot_name = $1',
      [instance.slot],
    );
    if (!isLost || slot === undefined) return undefined;
    return { offsetsBefore: before.offsets, offsetsNow: offsets, slot };
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
