import { unreachable } from '../../../pipeline/contract/unreachable.ts';
import type { Report, TableReport } from '../../../verifier/report.ts';
import { countOfText, countText, durationText } from '../../../verifier/units.ts';
import type { Page } from '../../terminal/page.ts';
import { paintVerdict } from '../../terminal/paint-verdict.ts';
import { wrap } from '../../terminal/wrap.ts';

const SEPARATOR = ' · ';

/** Rows of the table that are not as at the source. */
export function wrongRowsOf(table: TableReport): number {
  const { missing, extra, stale, corrupted, duplicates, orphans } = table;
  return missing + extra + stale + corrupted + duplicates + orphans;
}

/** The verdict and what it rests on: one line, where the page is wide enough. */
export function summaryLines(report: Report, page: Page): string[] {
  const { deliveries, durationMs, at, verdict } = report;
  const { duplicatesDelivered: twice, duplicatesSuppressed } = deliveries ?? {};
  const parts = [
    page.paint.bold(paintVerdict(page.paint, verdict)),
    ...reasonsOf(report),
    ...(twice ? [`${countText(twice)} delivered twice, ${duplicatesSuppressed ?? '?'} suppressed`] : []),
    durationText(durationMs),
    `at ${at.slice(11, 19)}`,
  ];
  return wrap(parts.join(SEPARATOR), page.width, '  ');
}

function reasonsOf(report: Report): string[] {
  const { verdict, tables, findings, checks, coverage, progress } = report;
  const judged = findings.filter((one) => one.verdict === verdict);
  switch (verdict) {
    case 'PASS':
      return [`${comparedText(tables, 'equal')}${sinceText(report)}`];
    case 'WARN':
      return [
        `${comparedText(tables, 'compared')}${sinceText(report)}`,
        countOfText(judged.length, 'warning'),
      ];
    case 'FAIL':
      return [wrongText(tables) ?? countOfText(judged.length, 'finding')];
    case 'INCONCLUSIVE': {
      const blind = checks.filter((one) => one.verdict === verdict).length;
      return [
        `evidence is missing for ${countOfText(blind, 'check')}`,
        `coverage ${Math.round(coverage * 100)} %`,
      ];
    }
    case 'SYNC_IN_PROGRESS': {
      if (progress === null) return [];
      const { eventsBehind, rateEventsPerSecond } = progress;
      const rate = rateEventsPerSecond < 0.5 ? '' : ` at ${countText(Math.round(rateEventsPerSecond))}/s`;
      return [`${countOfText(eventsBehind, 'event')} behind${rate}`];
    }
    default:
      return unreachable(verdict, 'verdict');
  }
}

function comparedText(tables: readonly TableReport[], what: 'equal' | 'compared'): string {
  const rows = tables.reduce((sum, { sourceRows }) => sum + (sourceRows ?? 0), 0);
  return `${countOfText(tables.length, 'table')} ${what}, ${countOfText(rows, 'row')}`;
}

/** Since when each row has been compared, where a verification compares only what has changed. */
function sinceText(report: Report): string {
  const { keys, since } = scannedOf(report);
  return keys === null ? '' : `, each since ${since}`;
}

/** @returns the changed keys that were compared; null where everything was. */
function scannedOf({ scans }: Report): { readonly keys: number | null; readonly since: string } {
  const changed = scans?.tables.filter(({ compared }) => compared === 'changed keys') ?? [];
  const [oldest = ''] = scans?.tables.map(({ wholeAt }) => wholeAt).sort() ?? [];
  if (changed.length === 0) return { keys: null, since: '' };
  return {
    keys: changed.reduce((sum, { changedKeys }) => sum + changedKeys, 0),
    since: oldest.slice(11, 19),
  };
}

/** Undefined where no row is wrong. */
function wrongText(tables: readonly TableReport[]): string | undefined {
  const wrong = tables.filter((table) => wrongRowsOf(table) > 0);
  const rows = wrong.reduce((sum, table) => sum + wrongRowsOf(table), 0);
  if (rows === 0) return undefined;
  return `${countOfText(rows, 'wrong row')} in ${wrong.length} of ${countOfText(tables.length, 'table')}`;
}

/** Between two databases without a pipeline there is no fence to pass. */
function hasFence({ checks }: Report): boolean {
  return checks.find(({ check }) => check === 'fence')?.status !== 'not-applicable';
}

/** How the tables were compared. */
export function moreLines(report: Report, page: Page): string[] {
  const { comparison, coverage, ledger, tables, window } = report;
  const { keys, since } = scannedOf(report);
  const parts = [
    `coverage ${Math.round(coverage * 100)} % of ${countOfText(tables.length, 'table')}`,
    ...(window.fromLsn === null || !hasFence(report) ? [] : [`fence ${window.fromLsn}`]),
    ...(keys === null ? [] : [`${countOfText(keys, 'changed key')} compared, every row since ${since}`]),
    ...(comparison?.exact === true
      ? [`exact, with ${countOfText(comparison.touchedKeys, 'key')} written meanwhile`]
      : []),
    ...(ledger === null ? [] : [`${countOfText(ledger.transactions, 'transaction')} in the ledger`]),
  ];
  return wrap(`  ${parts.join(SEPARATOR)}`, page.width, '  ').map((line) => page.paint.dim(line));
}
