import { z } from 'zod';
import { defineRecovery } from '../plugins/recovery.ts';
import { connectorOf, curl, stateOf, untilState } from './lib/connector.ts';

export default defineRecovery({
  description: 'pause a connector: its tasks stay, and do nothing',
  params: z.strictObject({ connector: z.string().min(1) }),
  example: { connector: 'sink' },
  safeWhen: 'always, for as long as the topics keep what waits (sink) or the slot may retain WAL (capture)',
  loses: null,
  undo: 'resume it',
  isOneStep: true,

  typed: ({ connector }) => ['connectors', 'pause', connector],

  async plan({ instance }, params) {
    const connector = connectorOf(instance, params.connector);
    const does = [`pauses ${connector.name}, which keeps its tasks, and its partitions or slot`];
    const commands = [curl(connector, 'PUT', '/pause')];
    return { does, commands, loses: null, undo: `cdc-lab connectors resume ${connector.role}` };
  },

  async run(context, params) {
    const connector = connectorOf(context.instance, params.connector);
    const before = await stateOf(connector);
    await connector.workers.pause();
    await untilState(connector, 'PAUSED', context);
    const after = await stateOf(connector);
    return { said: `${connector.name} is PAUSED`, evidence: { before, after } };
  },
});
