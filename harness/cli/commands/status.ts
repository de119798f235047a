import { exitCodeOf } from '../../../verifier/verdict.ts';
import { openAccess } from '../../access/live-access.ts';
import type { ServiceInfo } from '../../lab/runtime.ts';
import { type CliContext, EXIT, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { StatusFlags } from '../option-table.ts';
import { printReport } from '../print-report.ts';

/** Verifies now, prints the report, exits by its verdict. */
export async function status(context: CliContext, options: StatusFlags): Promise<number> {
  const { lab, instance } = await openInstance(context, options.instance);
  const down = notRunning(await lab.runtime.services(), options.instance);
  for (const service of down) {
    say(context, `${service.name} is ${service.state}; its log: ${service.log}`);
  }
  if (down.length > 0 && lab.runtime.start) say(context, 'cdc-lab heal starts it again\n');
  if (down.some((service) => service.name === instance.services.verifier)) return EXIT.inconclusive;
  await using access = await openAccess(instance);
  const deadlineMs = Math.round(options.deadline * 1000);
  const report = await access.verify({ deadlineMs, signal: context.signal });
  await printReport(context, report);
  return exitCodeOf(report.verdict, options.strict);
}

/** Services of the pipeline, and servers, that are not as they should be. */
export function notRunning(services: readonly ServiceInfo[], instance: string): ServiceInfo[] {
  return services.filter(({ name, state, kind }) => {
    const concerns = !name.includes('@') || name.endsWith(`@${instance}`);
    return concerns && kind !== 'workload' && state !== 'running';
  });
}
