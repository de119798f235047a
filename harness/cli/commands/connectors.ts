import { messageOf } from '../../../pipeline/contract/errors.ts';
import { openAccess } from '../../access/live-access.ts';
import { UsageError } from '../../errors.ts';
import { maskedConfig } from '../../recover/lib/config-change.ts';
import { connectorOf } from '../../recover/lib/connector.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { ConnectorsFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';
import { CONNECTOR_ACTIONS } from '../recover/actions.ts';
import { actionOf, mustNotHave, recover } from '../recover/recover.ts';
import { settingsIn } from '../recover/settings.ts';

/** Without an action the states of both connectors; with one, it is done to the connector of that name. */
export async function connectors(
  context: CliContext,
  options: ConnectorsFlags,
  [given, name, ...settings]: readonly string[],
): Promise<number> {
  const { onlyFailed, remove } = options;
  const action = given === undefined ? undefined : actionOf('connectors', given, CONNECTOR_ACTIONS);
  mustNotHave(action === undefined ? 'connectors' : `connectors ${action}`, {
    '--only-failed': onlyFailed && action !== 'restart',
    '--remove': remove.length > 0 && action !== 'set',
    'key=value': settings.length > 0 && action !== 'set',
  });
  if (action === undefined) return await states(context, options);
  if (name === undefined)
    throw new UsageError(`connectors ${action} needs a connector`, 'name one: capture, sink');
  switch (action) {
    case 'config':
    case 'offsets':
      return await show(context, options, action, name);
    case 'set':
      return await recover(context, options, 'connectors-set', {
        connector: name,
        set: pairsOf(settings, remove),
        remove,
      });
    case 'restart':
      return await recover(context, options, 'connectors-restart', { connector: name, onlyFailed });
    default:
      return await recover(context, options, `connectors-${action}`, { connector: name });
  }
}

/** @throws UsageError for a word that is not `key=value`, and where there is nothing to change. */
function pairsOf(settings: readonly string[], remove: readonly string[]): Record<string, string> {
  const example = 'as in: cdc-lab connectors set sink insert.mode=upsert';
  if (settings.length + remove.length === 0)
    throw new UsageError('connectors set needs key=value, or --remove KEY', example);
  return settingsIn(settings, example);
}

/** Prints a connector's configuration or its stored offsets. */
async function show(
  context: CliContext,
  options: ConnectorsFlags,
  what: 'config' | 'offsets',
  name: string,
): Promise<number> {
  const { instance } = await openInstance(context, options.instance);
  const connector = connectorOf(instance, name);
  if (what === 'offsets') {
    printJson(context, { offsets: await connector.workers.offsets() });
    return EXIT.ok;
  }
  const config = maskedConfig(await connector.workers.config());
  if (context.json) printJson(context, { schemaVersion: 1, name: connector.name, config });
  else {
    const lines = Object.entries(config).map(([key, value]) => `${key}=${value}`);
    context.stdout.write(`${lines.toSorted().join('\n')}\n`);
  }
  return EXIT.ok;
}

/** Prints `GET /connectors/NAME/status` of both connectors; exits with 1 if a connector or task is not RUNNING. */
async function states(context: CliContext, options: ConnectorsFlags): Promise<number> {
  const { instance } = await openInstance(context, options.instance);
  await using access = await openAccess(instance);
  const names = { capture: instance.connectors.source, sink: instance.connectors.sink };
  const statuses = [];
  for (const role of ['capture', 'sink'] as const) {
    const answer = access.connectorStatus(role);
    statuses.push(await answer.catch((error: unknown) => ({ name: names[role], error: messageOf(error) })));
  }
  const isWell = statuses.every(
    (one) =>
      !('error' in one) &&
      [one.connector.state, ...one.tasks.map((task) => task.state)].every((state) => state === 'RUNNING'),
  );
  if (context.json) {
    printJson(context, { schemaVersion: 1, connectors: statuses });
    return isWell ? EXIT.ok : EXIT.failed;
  }
  const rows = statuses.map((one) =>
    'error' in one
      ? [one.name, '?', 'UNREACHABLE', '', one.error]
      : [
          one.name,
          one.type,
          one.connector.state,
          one.tasks.map((task) => task.state).join(', '),
          one.connector.worker_id,
        ],
  );
  const head = ['CONNECTOR', 'TYPE', 'STATE', 'TASKS', 'WORKER'];
  context.stdout.write(`${columns(pageOf(context), head, rows)}\n`);
  for (const one of statuses) {
    if ('error' in one) continue;
    for (const task of one.tasks)
      if (task.trace) say(context, `\n${one.name} task ${task.id}: ${task.trace}`);
  }
  return isWell ? EXIT.ok : EXIT.failed;
}
