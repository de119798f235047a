import type { Report } from '../../verifier/report.ts';
import { type CliContext, printJson } from './context.ts';
import type { ReportOptions } from './report/report-options.ts';

/** The report as `--json` or a reader wants it. */
export async function printReport(
  context: CliContext,
  report: Report,
  options: ReportOptions,
): Promise<void> {
  if (context.json) printJson(context, report);
  else context.stdout.write(await reportForPeople(context, report, options));
}

/** Tables and colours are loaded only when they are drawn: `verify --json` is measured from its start. */
export async function reportForPeople(
  context: CliContext,
  report: Report,
  options: ReportOptions,
): Promise<string> {
  const [{ pageOf }, { renderReport }] = await Promise.all([
    import('./page.ts'),
    import('./report/render-report.ts'),
  ]);
  return renderReport(report, pageOf(context), options);
}
