import { z } from 'zod';
import { defineRecovery } from '../plugins/recovery.ts';
import { connectorOf, curl, stateOf, untilState } from './lib/connector.ts';

export default defineRecovery({
  description: 'resume a connector that is paused or stopped',
  params: z.strictObject({ connector: z.string().min(1) }),
  example: { connector: 'sink' },
  safeWhen: 'once what it was stopped for is done',
  loses: null,
  undo: 'stop it again',
  isOneStep: true,

  typed: ({ connector }) => ['connectors', 'resume', connector],

  async plan({ instance }, params) {
    const connector = connectorOf(instance, params.connector);
    const does = [`resumes ${connector.name} where its stored offsets say`];
    const commands = [curl(connector, 'PUT', '/resume')];
    return { does, commands, loses: null, undo: `cdc-lab connectors stop ${connector.role}` };
  },

  async run(context, params) {
    const connector = connectorOf(context.instance, params.connector);
    const before = await stateOf(connector);
    await connector.workers.resume();
    await untilState(connector, 'RUNNING', context);
    const after = await stateOf(connector);
    return { said: `${connector.name} is RUNNING`, evidence: { before, after } };
  },
});
