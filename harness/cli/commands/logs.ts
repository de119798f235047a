import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import { UsageError } from '../../errors.ts';
import type { ServiceInfo } from '../../lab/runtime.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { openLab } from '../lab-control.ts';
import type { LogsFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';

/** The last lines are looked for in this part of the file. */
const TAIL_BYTES = 1 << 20;

/** Prints the last lines of a service's log; `capture` is short for `capture@lab`. */
export async function logs(
  context: CliContext,
  options: LogsFlags,
  [name]: readonly string[],
): Promise<number> {
  const { runtime } = await openLab(context);
  const services = await runtime.services();
  if (name === undefined) {
    printServices(context, services);
    return EXIT.ok;
  }
  const service =
    services.find((one) => one.name === name) ?? services.find((one) => one.name === `${name}@lab`);
  if (service === undefined) {
    const known = services.map((one) => one.name);
    throw new UsageError(
      `there is no service "${name}".${didYouMean(name, known)}`,
      `known: ${known.join(', ')}`,
    );
  }
  if (runtime.readLog !== undefined) {
    if (options.follow) throw new UsageError('-f cannot follow a container', `use ${service.log} --follow`);
    context.stdout.write(await runtime.readLog(service.name, options.lines));
    return EXIT.ok;
  }
  context.stdout.write(tail(service.log, options.lines));
  if (options.follow) await follow(context, service.log);
  return EXIT.ok;
}

function printServices(context: CliContext, services: readonly ServiceInfo[]): void {
  if (context.json) {
    printJson(context, { schemaVersion: 1, services });
    return;
  }
  const rows = services.map(({ name, state, log }) => [name, state, log]);
  context.stdout.write(`${columns(pageOf(context), ['SERVICE', 'STATE', 'LOG'], rows)}\n`);
}

function tail(file: string, lines: number): string {
  if (!existsSync(file)) return '';
  const handle = openSync(file, 'r');
  try {
    const { size } = fstatSync(handle);
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const bytes = readSync(handle, buffer, 0, buffer.length, size - buffer.length);
    const all = buffer.toString('utf8', 0, bytes).split('\n');
    return all.slice(-lines - 1).join('\n');
  } finally {
    closeSync(handle);
  }
}

async function follow(context: CliContext, file: string): Promise<void> {
  let offset = statSync(file).size;
  while (!context.signal.aborted) {
    const handle = openSync(file, 'r');
    try {
      const buffer = Buffer.alloc(TAIL_BYTES);
      const bytes = readSync(handle, buffer, 0, buffer.length, offset);
      offset += bytes;
      if (bytes > 0) context.stdout.write(buffer.subarray(0, bytes));
    } finally {
      closeSync(handle);
    }
    await sleep(250, undefined, { signal: context.signal }).catch(() => undefined);
  }
}
