import { exitCodeOf } from '../../../verifier/verdict.ts';
import { openAccess } from '../../access/live-access.ts';
import { type EnginePair, patienceMs } from '../../lab/engines.ts';
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
  const withinMs = deadlineMsOf(options.deadline, instance.engines, ANSWER_MS);
  const report = await access.verifyWithin(withinMs, context.signal);
  const { verbose } = options;
  await printReport(context, report, { verbose, explain: context.target });
  return exitCodeOf(report.verdict, options.strict);
}

/** How long a question waits without Kafka Connect, if the user gives no deadline. */
const ANSWER_MS = 10_000;

/**
 * @param given Seconds, as the command line has them; undefined: what the engines need.
 * @param usualMs Without Kafka Connect.
 */
export function deadlineMsOf(given: number | undefined, engines: EnginePair, usualMs: number): number {
  return given === undefined ? Math.max(usualMs, patienceMs(engines)) : Math.round(given * 1000);
}
