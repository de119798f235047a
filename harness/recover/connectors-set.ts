import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import type { StatusAnswer } from '../connect/answers.ts';
import { isIn, stateText } from '../connect/connect-client.ts';
import { UsageError } from '../errors.ts';
import { defineRecovery, type RecoveryContext } from '../plugins/recovery.ts';
import { shellLine } from '../terminal/shell-word.ts';
import {
  type ConfigChange,
  changedConfig,
  changesOf,
  MASK,
  maskedConfig,
  shown,
  withoutSecrets,
} from './lib/config-change.ts';
import { type Connector, connectorOf, curl, untilState } from './lib/connector.ts';
import { lossOf } from './lib/lossy-settings.ts';

export default defineRecovery({
  description: 'change keys of a connector’s configuration; its tasks restart',
  params: z.strictObject({
    connector: z.string().min(1),
    set: z.record(z.string().min(1), z.string()).default({}),
    remove: z.array(z.string().min(1)).default([]),
  }),
  example: { connector: 'sink', set: { 'insert.mode': 'upsert' }, remove: ['field.include.list'] },
  safeWhen: 'the worker accepts the new configuration, which is asked before anything is changed',
  loses: 'what a setting leaves out from then on, such as a narrower list of tables; most lose nothing',
  undo: 'set the former values; the plan prints the command, unless one of them is a secret: type that again',

  typed: ({ connector, set, remove }) => [
    ...['connectors', 'set', connector],
    ...Object.entries(set).map(([key, value]) => `${key}=${shown(key, value)}`),
    ...remove.flatMap((key) => ['--remove', key]),
  ],

  async plan({ instance }, params) {
    mustBeTyped(params.set);
    const connector = connectorOf(instance, params.connector);
    const before = await connector.workers.config();
    const changes = changesOf(before, params);
    await mustBeValid(connector, changedConfig(before, params));
    if (changes.length === 0)
      return {
        does: ['changes nothing: the configuration has these values already'],
        commands: [],
        loses: null,
        undo: null,
      };
    return {
      does: [
        ...changes.map(({ key, shown }) => `${key}: ${shown}`),
        `restarts the tasks of ${connector.name}`,
      ],
      commands: [curl(connector, 'PUT', '/config', maskedConfig(changedConfig(before, params)))],
      loses: lossOf(changes, changedConfig(before, params)),
      undo: undoOf(connector, changes),
    };
  },

  async run(context, params) {
    const connector = connectorOf(context.instance, params.connector);
    const before = await connector.workers.config();
    const changes = changesOf(before, params);
    const status = await connector.workers.status();
    // Even if nothing changes: an interrupt may have left some workers with the former configuration.
    await connector.workers.configure(changedConfig(before, params));
    await untilItIs(connector, status, context);
    const after = stateText(await connector.workers.status());
    const count = `${changes.length} changed ${changes.length === 1 ? 'key' : 'keys'}`;
    const said = `${connector.name} has ${count}, and is ${after}`;
    const changed = Object.fromEntries(changes.map(({ key, shown }) => [key, shown]));
    return { said, evidence: { changed, after } };
  },
});

/**
 * Waits until the tasks have started with the new configuration, or are held as before. One that had failed before may
 * need another change too: that it fails again is no error of this action.
 */
async function untilItIs(
  connector: Connector,
  before: StatusAnswer,
  context: RecoveryContext,
): Promise<void> {
  const { state } = before.connector;
  const isHeld = state === 'PAUSED' || state === 'STOPPED';
  try {
    await untilState(connector, isHeld ? state : 'RUNNING', context);
  } catch (error) {
    const isNotThere = error instanceof LabError && error.code === 'CDC-5501';
    if (!isNotThere || !isIn(before, 'FAILED')) throw error;
  }
}

/** @throws UsageError for a command that was copied from where its secret is masked. */
function mustBeTyped(set: Readonly<Record<string, string>>): void {
  const [key] = Object.entries(set).find(([, value]) => value.includes(MASK)) ?? [];
  if (key === undefined) return;
  throw new UsageError(
    `The value of ${key} has ${MASK} in place of a secret.`,
    `type the secret itself: ${MASK} is what is printed instead of it`,
  );
}

/** @throws UsageError with everything that the worker objects to. */
async function mustBeValid({ workers, name }: Connector, config: Record<string, string>): Promise<void> {
  const errors = [...(await workers.validate(config)).values()].flat();
  if (errors.length === 0) return;
  throw new UsageError(
    `${name} would not take this configuration: ${withoutSecrets(errors.join(' '), config)}`,
    'correct these keys',
  );
}

/** Null where a former value is a secret, which is not printed. */
function undoOf({ role }: Connector, changes: readonly ConfigChange[]): string | null {
  if (changes.some(({ isSecret }) => isSecret)) return null;
  const words = changes.flatMap(({ key, from }) => (from === null ? ['--remove', key] : [`${key}=${from}`]));
  return `cdc-lab ${shellLine(['connectors', 'set', role, ...words])}`;
}
