/**
 * `harness/cli/report`: the verifier's report as people read it.
 * In: a report, the page it is drawn on, and what leads `explain` to the same pipeline.
 * Out: text: the verdict first, then the wrong tables, the findings, and the checks that no finding speaks for.
 * Promises: where all is well it is one line; a finding is said once; a printed command can be pasted as it is.
 */

import type { CheckReport, Report } from '../../../verifier/report.ts';
import { countOfText } from '../../../verifier/units.ts';
import { columns } from '../../terminal/columns.ts';
import type { Page } from '../../terminal/page.ts';
import { paintVerdict } from '../../terminal/paint-verdict.ts';
import { visible } from '../../terminal/text-width.ts';
import { wrap } from '../../terminal/wrap.ts';
import { findingLines } from './finding-lines.ts';
import type { ReportOptions } from './report-options.ts';
import { moreLines, summaryLines } from './summary-lines.ts';
import { tableLines } from './table-lines.ts';

export function renderReport(report: Report, page: Page, options: ReportOptions): string {
  const { verbose } = options;
  const blocks = [
    [...summaryLines(report, page), ...(verbose ? moreLines(report, page) : [])],
    tableLines(report, page, verbose),
    findingLines(report, page, options),
    verbose ? allChecks(report, page) : checksWithoutFinding(report, page),
    report.memory?.note == null ? [] : wrap(visible(report.memory.note), page.width, '  '),
    waitingLines(report, page),
  ];
  const shown = blocks.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return `${shown.join('\n\n')}\n`;
}

function waitingLines({ verdict, progress }: Report, { width }: Page): string[] {
  if (progress === null || progress.waitingFor.length === 0) return [];
  const retry = verdict === 'SYNC_IN_PROGRESS' ? '; ask again, or wait longer with --deadline' : '';
  return wrap(`waiting for ${progress.waitingFor.join(', ')}${retry}`, width, '  ');
}

/** Without what the findings say already. */
function allChecks({ checks, findings }: Report, page: Page): string[] {
  const { paint } = page;
  const rows = checks.map(({ check, status, verdict, detail }) => {
    if (status === 'not-applicable') return [check, paint.dim('–'), `not applicable: ${detail}`];
    const said = findings.filter((one) => one.check === check).map((one) => one.detail);
    const rest = said.reduce((text, own) => text.replace(own, ''), detail).replace(/^(?:; )+|(?:; )+$/g, '');
    return [
      check,
      paintVerdict(paint, verdict),
      visible(rest.replaceAll(/(?:; ){2,}/g, '; ')) || 'see above',
    ];
  });
  return columns(page, ['CHECK', 'VERDICT', ''], rows).split('\n');
}

/** Checks that are not well where no finding and no table says so; those with the same reason in one line. */
function checksWithoutFinding(report: Report, page: Page): string[] {
  const open = report.checks
    .filter(({ verdict }) => verdict !== 'PASS')
    .filter(
      (check) => !report.findings.some((one) => one.check === check.check && one.verdict === check.verdict),
    )
    .map((check) => ({ ...check, detail: beyondTables(check, report) }))
    .filter(({ detail }) => detail !== '');
  if (open.length === 0) return [];
  const alike = Map.groupBy(open, ({ verdict, detail }) => `${verdict} ${detail}`);
  const rows = [...alike.values()].map((own) => {
    const [{ check, verdict, detail } = own[0] as CheckReport] = own;
    const name = own.length === 1 ? check : countOfText(own.length, 'check');
    return [name, paintVerdict(page.paint, verdict), visible(detail)];
  });
  return columns(page, ['CHECK', 'VERDICT', ''], rows).split('\n');
}

/** The check's detail without the row counts that are in the lines of the wrong tables. */
function beyondTables({ check, detail }: CheckReport, { tables }: Report): string {
  if (check !== 'row-counts') return detail;
  const counted = tables.map(({ table }) => `${table}: `);
  const parts = detail.split('; ').filter((part) => !counted.some((start) => part.startsWith(start)));
  return parts.join('; ');
}
