import type { Report } from '../../verifier/report.ts';
import { type CliContext, printJson } from './context.ts';

/** The report as `--json` or a reader wants it. */
export async function printReport(context: CliContext, report: Report): Promise<void> {
  if (context.json) printJson(context, report);
  else context.stdout.write(await reportForPeople(context, report));
}

/** Tables and colours are loaded only when they are drawn: `verify --json` is measured from its start. */
export async function reportForPeople(context: CliContext, report: Report): Promise<string> {
  const { painter, renderReport } = await import('./tables.ts');
  return renderReport(report, painter(context.color));
}
