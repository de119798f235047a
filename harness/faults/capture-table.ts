import { z } from 'zod';
import { capturedTables } from '../access/captured-tables.ts';
import { ConnectClient } from '../connect/connect-client.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

const LIST = 'table.include.list';

/** A table that has rows already is added to the list of a capture that runs, as after a release of the application. */
export default defineFault({
  description: 'add a table to the list of the running capture',
  params: z.strictObject({
    table: z.string().regex(/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/),
  }),
  example: { table: 'public.readings' },
  needs: [],
  touches: ['set-up'],

  async observe({ access, instance }) {
    return { published: await capturedTables(access, instance) };
  },

  async inject({ instance, signal, withinMs }, { table }) {
    const client = new ConnectClient(instance.reach?.connect.capture ?? { baseUrl: instance.captureUrl });
    const name = instance.connectors.source;
    const config = await client.config(name);
    await client.configure(name, { ...config, [LIST]: `${config[LIST]},${table}` });
    await client.waitForState(name, 'RUNNING', { deadlineMs: withinMs, signal });
    return { asked: `PUT /connectors/${name}/config`, before: config[LIST] };
  },

  /** The capture has put it into its publication. */
  async prove({ access, instance, signal, withinMs }, { table }, before, done) {
    const published = before.published as readonly string[];
    if (done.asked === undefined || published.includes(table)) return undefined;
    const isIn = async () => (await capturedTables(access, instance)).includes(table);
    await until(isIn, { what: `${table} to be published`, withinMs, everyMs: 25, signal });
    return { table, publishedBefore: published };
  },

  async heal(_, { table }) {
    return { said: `${table} stays in the list of the capture`, evidence: {} };
  },
});
