import { Chalk } from 'chalk';
import Table from 'cli-table3';
import type { Report } from '../../verifier/report.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import { describeFinding } from '../runner/expectation.ts';

export type Paint = InstanceType<typeof Chalk>;

export function painter(color: boolean): Paint {
  return color ? new Chalk() : new Chalk({ level: 0 });
}

const NO_RULES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Columns without rules, so that `awk` and people can read them; numbers are right-aligned. */
export function columns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
  rightFrom = head.length,
  rightTo = head.length,
): string {
  const table = new Table({
    head: head.map((name) => paint.dim(name)),
    colAligns: head.map((_, index) => (index >= rightFrom && index < rightTo ? 'right' : 'left')),
    chars: NO_RULES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

export function paintVerdict(paint: Paint, verdict: Verdict): string {
  switch (verdict) {
    case 'PASS':
      return paint.green(verdict);
    case 'WARN':
      return paint.yellow(verdict);
    case 'FAIL':
      return paint.red(verdict);
    case 'INCONCLUSIVE':
      return paint.magenta(verdict);
    case 'SYNC_IN_PROGRESS':
      return paint.cyan(verdict);
  }
}

const TABLE_HEAD = ['TABLE', 'SOURCE', 'SINK', 'CHECKSUM', 'MISSING', 'EXTRA', 'STALE', 'CORRUPTED'];
const number = (value: number | null): string => (value === null ? '?' : value.toLocaleString('en'));

function tableOf(report: Report, paint: Paint): string {
  const rows = report.tables.map((table) => [
    table.table,
    number(table.sourceRows),
    number(table.sinkRows),
    table.checksumEqual === null ? '?' : table.checksumEqual ? 'equal' : 'differs',
    ...[table.missing, table.extra, table.stale, table.corrupted, table.duplicates, table.orphans].map(
      number,
    ),
    paintVerdict(paint, table.verdict),
  ]);
  return columns([...TABLE_HEAD, 'DUPLICATES', 'ORPHANS', 'VERDICT'], rows, paint, 1, 10);
}

function checksOf(report: Report, paint: Paint): string {
  const rows = report.checks.map(({ check, status, verdict, detail }) =>
    status === 'not-applicable'
      ? [check, paint.dim('–'), `not applicable: ${detail}`]
      : [check, paintVerdict(paint, verdict), detail],
  );
  return columns(['CHECK', 'VERDICT', ''], rows, paint);
}

function findingsOf(report: Report, paint: Paint): string[] {
  return report.findings.map((finding) => {
    const key = finding.first === null ? '' : ` first ${JSON.stringify(finding.first.key)}`;
    return `  ${paintVerdict(paint, finding.verdict)}  ${describeFinding(finding)}:${key} ${finding.detail}`;
  });
}

/** What was compared now, and since when every row has been compared, where a verification does not compare everything. */
function scansOf({ scans }: Report): string[] {
  const changed = scans?.tables.filter(({ compared }) => compared === 'changed keys') ?? [];
  if (scans == null || changed.length === 0) return [];
  const keys = changed.reduce((sum, { changedKeys }) => sum + changedKeys, 0);
  const [oldest = ''] = scans.tables.map(({ wholeAt }) => wholeAt).sort();
  return [`${number(keys)} changed keys compared, every row since ${oldest.slice(11, 19)}`];
}

/** Between two databases without a pipeline there is no fence to pass. */
function hasFence({ checks }: Report): boolean {
  return checks.find(({ check }) => check === 'fence')?.status !== 'not-applicable';
}

/** The verification report as people read it: tables, checks, findings, one line to sum it up. */
export function renderReport(report: Report, paint: Paint): string {
  const { comparison, progress, deliveries, window } = report;
  const summary = [
    paint.bold(paintVerdict(paint, report.verdict)),
    `coverage ${Math.round(report.coverage * 100)} %`,
    ...(window.fromLsn === null || !hasFence(report) ? [] : [`fence ${window.fromLsn}`]),
    ...(comparison?.exact === true
      ? [`exact, with ${number(comparison.touchedKeys)} keys written meanwhile`]
      : []),
    ...scansOf(report),
    ...(progress === null || progress.eventsBehind === 0
      ? []
      : [`${number(progress.eventsBehind)} events behind`]),
    ...(deliveries?.duplicatesDelivered
      ? [
          `${deliveries.duplicatesDelivered} delivered twice, ${deliveries.duplicatesSuppressed ?? '?'} suppressed`,
        ]
      : []),
    `at ${report.at.slice(11, 19)}`,
  ];
  const parts = [tableOf(report, paint), '', checksOf(report, paint), ''];
  if (report.findings.length > 0) parts.push(...findingsOf(report, paint), '');
  if (report.memory?.note != null) parts.push(`  ${report.memory.note}`, '');
  if (progress !== null && progress.waitingFor.length > 0) {
    parts.push(`  waiting for ${progress.waitingFor.join(', ')}`, '');
  }
  return [...parts, summary.join(' · '), ''].join('\n');
}
