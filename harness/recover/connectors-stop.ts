import { z } from 'zod';
import { defineRecovery } from '../plugins/recovery.ts';
import { connectorOf, curl, stateOf, untilState } from './lib/connector.ts';

export default defineRecovery({
  description: 'stop a connector: its tasks end, and release slot or group',
  params: z.strictObject({ connector: z.string().min(1) }),
  example: { connector: 'sink' },
  safeWhen: 'always, for as long as the topics keep what waits (sink) or the slot may retain WAL (capture)',
  loses: null,
  undo: 'resume it',
  isOneStep: true,

  typed: ({ connector }) => ['connectors', 'stop', connector],

  async plan({ instance }, params) {
    const connector = connectorOf(instance, params.connector);
    const does = [`stops ${connector.name}: its tasks end; configuration and offsets stay`];
    const commands = [curl(connector, 'PUT', '/stop')];
    return { does, commands, loses: null, undo: `cdc-lab connectors resume ${connector.role}` };
  },

  async run(context, params) {
    const connector = connectorOf(context.instance, params.connector);
    const before = await stateOf(connector);
    await connector.workers.stop();
    await untilState(connector, 'STOPPED', context);
    const after = await stateOf(connector);
    return { said: `${connector.name} is STOPPED`, evidence: { before, after } };
  },
});
