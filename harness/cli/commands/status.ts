import { exitCodeOf } from '../../../verifier/verdict.ts';
import { openAccess } from '../../access/live-access.ts';
import { type CliContext, EXIT, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import { standstillOf } from '../next-step.ts';
import type { StatusFlags } from '../option-table.ts';
import { printReport } from '../print-report.ts';

/** Verifies now, prints the report, exits by its verdict. */
export async function status(context: CliContext, options: StatusFlags): Promise<number> {
  const { lab, instance } = await openInstance(context, options.instance);
  const { services: down, sentences, nextStep } = await standstillOf(lab, options.instance);
  for (const sentence of sentences) say(context, sentence);
  if (down.length > 0 && nextStep !== null) say(context, `${nextStep}\n`);
  if (down.some((service) => service.name === instance.services.verifier)) return EXIT.inconclusive;
  await using access = await openAccess(instance);
  const report = await access.verifyWithin(Math.round(options.deadline * 1000), context.signal);
  await printReport(context, report);
  return exitCodeOf(report.verdict, options.strict);
}
