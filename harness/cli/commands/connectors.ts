import { messageOf } from '../../../pipeline/contract/errors.ts';
import { openAccess } from '../../access/live-access.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { LookFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';

/** Prints `GET /connectors/NAME/status` of both connectors; exits with 1 if a connector or task is not RUNNING. */
export async function connectors(context: CliContext, options: LookFlags): Promise<number> {
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
