import type { Example, Finding, Report } from '../../../verifier/report.ts';
import { countText } from '../../../verifier/units.ts';
import { VERDICTS, type Verdict } from '../../../verifier/verdict.ts';
import { describeFinding } from '../../runner/expectation.ts';
import type { Page } from '../../terminal/page.ts';
import { paintVerdict } from '../../terminal/paint-verdict.ts';
import { visible } from '../../terminal/text-width.ts';
import { wrap } from '../../terminal/wrap.ts';
import { explainCommand } from './explain-command.ts';
import type { ReportOptions } from './report-options.ts';

/** Wrong keys that are shown of a finding. */
const MOST_KEYS = 3;
/** More findings than this are only counted, unless all are asked for. */
const MOST_FINDINGS = 20;
const INDENT = '    ';

/** The findings, the worst first: each with its first keys, and the command that explains each of them. */
export function findingLines(report: Report, page: Page, options: ReportOptions): string[] {
  const rank = (verdict: Verdict): number => VERDICTS.indexOf(verdict);
  const sorted = report.findings.toSorted((a, b) => rank(b.verdict) - rank(a.verdict));
  const shown = options.verbose ? sorted : sorted.slice(0, MOST_FINDINGS);
  const left = sorted.length - shown.length;
  return [
    ...shown.flatMap((finding) => linesOf(finding, report, page, options)),
    ...(left > 0 ? [`and ${countText(left)} more findings: --verbose`] : []),
  ];
}

function linesOf(finding: Finding, report: Report, page: Page, { explain }: ReportOptions): string[] {
  const head = `${paintVerdict(page.paint, finding.verdict)}  ${sentenceOf(finding)}`;
  const table = report.tables.find(({ table: id }) => id === finding.table);
  const keys = finding.examples.filter(({ key }) => Object.keys(key).length > 0).slice(0, MOST_KEYS);
  return [
    ...wrap(head, page.width, INDENT),
    ...keys.flatMap((example) => {
      const command = explain === null ? null : explainCommand(table, example.key, explain);
      return [
        ...wrap(`${INDENT}${exampleText(example)}`, page.width, `${INDENT}  `),
        // A command is never broken: it is there to be copied.
        ...(command === null ? [] : [`${INDENT}${page.paint.cyan(command)}`]),
      ];
    }),
  ];
}

/** What was found, once: the detail of wrong rows says no more than their count, class, table and hop. */
function sentenceOf(finding: Finding): string {
  const { count, class: name, hop, table, detail } = finding;
  if (detail.startsWith(`${count} ${name} in ${table}`)) return visible(describeFinding(finding));
  return visible(`${name} @${hop}: ${detail}`);
}

function exampleText({ key, detail = '' }: Example): string {
  const named = Object.entries(key).map(([name, value]) => `${name} ${value ?? 'NULL'}`);
  return visible(`${named.join(', ')}${detail === '' ? '' : `: ${detail}`}`);
}
