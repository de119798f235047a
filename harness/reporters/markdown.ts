import { appendFile } from 'node:fs/promises';
import { describeFinding } from '../runner/expectation.ts';
import type { Reporter } from '../runner/reporter.ts';
import type { NotRun, RunResult, VariantResult } from '../runner/result.ts';

/** A table cell of GitHub's Markdown: no pipe ends it, no HTML starts in it. */
function cell(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('|', '\\|')
    .replace(/[\r\n]+/g, ' ');
}

function row(result: VariantResult): string {
  const found = result.findings.filter((finding) => finding.verdict === 'FAIL').map(describeFinding);
  const recovery = result.recoveryMs === null ? '' : `${(result.recoveryMs / 1000).toFixed(1)} s`;
  const cells = [
    result.ok ? '✔' : '✖',
    result.scenario,
    result.variant,
    `**${result.verdict}**${result.recovered === undefined ? '' : ` → **${result.recovered}**`}`,
    result.expectedFinding === null ? result.expected : `${result.expected} (${result.expectedFinding})`,
    recovery,
    [
      found.join('; ') || (result.ok ? '' : (result.reason ?? '')),
      ...(result.notRecovered === undefined ? [] : [`not recovered: ${result.notRecovered}`]),
    ].join('; '),
  ];
  return `| ${cells.map(cell).join(' | ')} |`;
}

function notRunRow({ scenario, variant, reason }: NotRun): string {
  return `| ${['–', scenario, variant, 'not run', '', '', reason].map(cell).join(' | ')} |`;
}

function document(result: RunResult): string {
  const met = result.results.filter((one) => one.ok).length;
  const title = `${result.ok ? '✔' : '✖'} cdc-lab: ${met} of ${result.results.length} verdicts as expected`;
  return [
    `### ${title}`,
    '',
    '| | scenario | variant | verdict | expected | recovered in | found |',
    '|---|---|---|---|---|---|---|',
    ...result.results.map(row),
    ...(result.notRun ?? []).map(notRunRow),
    '',
    ...(result.endedEarly === undefined ? [] : [`The run did not end: ${cell(result.endedEarly)}`, '']),
    `Seed ${result.seed}, ${(result.durationMs / 1000).toFixed(1)} s. Again: \`${cell(result.reproduce)}\``,
    '',
    '',
  ].join('\n');
}

const reporter: Reporter = {
  description: 'a Markdown table, as the step summary of GitHub Actions shows it; appended to its file',
  create: ({ file, stdout }) => ({
    on: () => undefined,
    end: async (result) => {
      if (file === null) stdout.write(document(result));
      else await appendFile(file, document(result));
    },
  }),
};

export default reporter;
