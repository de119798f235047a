import path from 'node:path';
import { durationText } from '../../../verifier/units.ts';
import type { EnginePair } from '../../lab/engines.ts';
import type { Lab, NotDropped } from '../../lab/lab.ts';
import type { Proof, ServiceInfo } from '../../lab/runtime.ts';
import { holdLab } from '../../lab/state/lock.ts';
import { RUNS } from '../../lab/state/state-dir.ts';
import { columns } from '../../terminal/columns.ts';
import { replayUndo } from '../../undo/replay-undo.ts';
import { addressesOf, addressText } from '../addresses.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';
import { loadLabControl } from '../lab-control.ts';
import type { CleanFlags, UpFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';
import { hintOf } from './env.ts';

/** Starts or repairs the lab, and heals what a killed run has left broken. */
export async function up(context: CliContext, flags: UpFlags): Promise<number> {
  const start = performance.now();
  const control = await loadLabControl(context, flags.runtime);
  const lab = await control.up({
    dir: context.dir,
    rate: flags.writer ? flags.rate : 0,
    seed: flags.seed,
    withInstance: true,
    engines: enginesOf(flags),
    sinkWorkers: flags.sinkWorkers,
    brokers: flags.brokers,
    alertLag: flags.alertLag,
    dedup: flags.dedup,
    progress: (step) => say(context, `  ${step}`),
    signal: context.signal,
  });
  for (const said of await healLeft(context, lab)) say(context, `  ${said}`);
  const [services, instance] = [await lab.runtime.services(), await lab.instance('lab')];
  if (context.json) {
    const addresses = instance === undefined ? {} : { addresses: addressesOf(instance) };
    printJson(context, { schemaVersion: 1, dir: lab.dir, services, ...addresses });
    return EXIT.ok;
  }
  const took = durationText(performance.now() - start);
  printServices(context, services);
  if (instance !== undefined)
    context.stdout.write(`\n${addressText(context, addressesOf(instance), hintOf(context))}`);
  say(context, `\nup in ${took}. Next: cdc-lab status, cdc-lab watch, cdc-lab trigger restart`);
  say(context, 'cdc-lab env prints these addresses again; cdc-lab down stops it all');
  return EXIT.ok;
}

/** Holds the lab meanwhile: what a run that has just begun injects is for that run to undo. */
async function healLeft(context: CliContext, lab: Lab): Promise<readonly string[]> {
  await using _held = await holdLab(lab.dir);
  return await replayUndo(lab, context.signal);
}

/** Undefined if the command line names neither: a pipeline that exists keeps its engines. */
function enginesOf({ source, sink }: UpFlags): EnginePair | undefined {
  if (source === undefined && sink === undefined) return undefined;
  return { source: source ?? 'ts', sink: sink ?? 'ts' };
}

function printServices(context: CliContext, services: readonly ServiceInfo[]): void {
  const rows = services.map((service) => [
    service.name,
    service.state,
    service.port === null ? '' : `127.0.0.1:${service.port}`,
    service.pid === null ? '' : String(service.pid),
  ]);
  context.stdout.write(`${columns(pageOf(context), ['SERVICE', 'STATE', 'ADDRESS', 'PID'], rows)}\n`);
}

/** Exits with 69 if a kept pipeline is still there: everything is stopped, but not all is as `down` leaves it. */
export async function down(context: CliContext): Promise<number> {
  const notDropped: NotDropped[] = [];
  const control = await loadLabControl(context);
  const proofs = await control.down(context.dir, (one) => notDropped.push(one));
  const dropped = proofs.filter(({ action }) => action === 'dropped');
  const stopped = proofs.filter(({ action }) => action !== 'dropped');
  if (context.json) printJson(context, { schemaVersion: 1, stopped, dropped, notDropped });
  else if (proofs.length === 0) say(context, 'nothing was running');
  else {
    if (dropped.length > 0) say(context, `dropped ${namesOf(dropped)}, which a run had kept`);
    if (stopped.length > 0) say(context, `stopped ${namesOf(stopped)}; data and slot are kept`);
  }
  for (const { name, reason } of notDropped)
    say(context, `✖ ${name}, which a run had kept, is not dropped: ${reason}; the next cdc-lab up drops it`);
  return notDropped.length === 0 ? EXIT.ok : EXIT.unavailable;
}

function namesOf(proofs: readonly Proof[]): string {
  return proofs.map(({ service }) => service).join(', ');
}

export async function clean(context: CliContext, { keepRuns }: CleanFlags): Promise<number> {
  await (await loadLabControl(context)).clean(context.dir, keepRuns);
  const kept = keepRuns ? path.join(context.dir, RUNS) : null;
  if (context.json) printJson(context, { schemaVersion: 1, removed: context.dir, kept });
  else say(context, `removed ${context.dir}${kept === null ? '' : `, except the journals in ${kept}`}`);
  return EXIT.ok;
}
