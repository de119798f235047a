/**
 * `harness/recover`: recovery actions, one file each: what a runbook tells people to type, as code.
 * In: a pipeline, and the action's parameters from the command line or from a scenario.
 * Out: a plan as sentences and commands, then what was done, with evidence.
 * Promises: a plan changes nothing; an action that is run again finishes what was begun; what it loses is said before.
 */

import { z } from 'zod';
import { stateText } from '../connect/connect-client.ts';
import { UsageError } from '../errors.ts';
import { defineRecovery } from '../plugins/recovery.ts';
import { type Connector, connectorOf, curl, stateOf, untilState } from './lib/connector.ts';

export default defineRecovery({
  description: 'restart a connector and its tasks',
  params: z.strictObject({ connector: z.string().min(1), onlyFailed: z.boolean().default(false) }),
  example: { connector: 'sink', onlyFailed: false },
  safeWhen:
    'unless it is paused or stopped: it goes on from its stored offset; what it had not confirmed is sent again',
  loses: null,
  undo: 'none is needed: a restart changes neither configuration nor offsets',
  isOneStep: true,

  typed: ({ connector, onlyFailed }) => [
    'connectors',
    'restart',
    connector,
    ...(onlyFailed ? ['--only-failed'] : []),
  ],

  async plan({ instance }, { connector: given, onlyFailed }) {
    const connector = connectorOf(instance, given);
    await mustBeStarted(connector);
    const what = onlyFailed ? 'those tasks that have failed' : 'its tasks';
    return {
      does: [`restarts ${connector.name} and ${what}, from the stored offsets`],
      commands: [curl(connector, 'POST', `/restart?includeTasks=true&onlyFailed=${onlyFailed}`)],
      loses: null,
      undo: null,
    };
  },

  async run(context, { connector: given, onlyFailed }) {
    const connector = connectorOf(context.instance, given);
    const before = await mustBeStarted(connector);
    await connector.workers.restart(onlyFailed);
    await untilState(connector, 'RUNNING', context);
    const after = await stateOf(connector);
    return { said: `${connector.name} is RUNNING`, evidence: { before, after } };
  },
});

/**
 * Its state, `RUNNING, task 0 FAILED`.
 * @throws UsageError for a connector that is paused or stopped: a restart leaves it so.
 */
async function mustBeStarted({ workers, name, role }: Connector): Promise<string> {
  const status = await workers.status();
  const { state } = status.connector;
  if (state !== 'PAUSED' && state !== 'STOPPED') return stateText(status);
  throw new UsageError(
    `${name} is ${state}, and a restart leaves it so.`,
    `resume it: cdc-lab connectors resume ${role}`,
  );
}
