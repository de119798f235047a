import type { Finding, Hop } from '../../verifier/report.ts';
import { countText } from '../../verifier/units.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import { hopOf } from '../contract/stop.ts';
import type { StopSeen } from '../plugins/ends.ts';
import type { Expectation, LoudStop } from '../plugins/scenario.ts';

export interface Judgement {
  readonly ok: boolean;
  /** Null if it is ok. */
  readonly reason: string | null;
}

/** `corrupted @sink, column tier`; null if no finding is expected. */
export function describeExpected(expected: Expectation): string | null {
  if (expected.verdict !== 'FAIL') return null;
  const { class: kind, hop, column, table } = expected.finding;
  const error = expected.stop === undefined ? '' : `, ${errorOf(expected.stop)}`;
  const where = table === undefined ? '' : ` in ${table}`;
  return `${kind} @${hop}${where}${column === undefined ? '' : `, column ${column}`}${error}`;
}

export function describeFinding(finding: Finding): string {
  const columns = finding.first?.columns ?? [];
  const where = finding.table === null ? '' : ` in ${finding.table}`;
  return `${countText(finding.count)} ${finding.class} @${finding.hop}${where}${columns.length ? ` (${columns.join(', ')})` : ''}`;
}

/**
 * Compares a verdict with the expected one. A FAIL must have the expected finding, and no failing finding of another class
 * or at another hop, unless the expectation lists its class as a consequence: a lesson that fails for a wrong reason
 * teaches nothing. A table whose rows are missing as expected may have no copy at all.
 */
export function judge(
  expected: Expectation,
  verdict: Verdict,
  findings: readonly Finding[],
  stops: readonly StopSeen[] = [],
): Judgement {
  if (verdict !== expected.verdict) {
    const found = findings.filter((finding) => finding.verdict === 'FAIL').map(describeFinding);
    const because = found.length === 0 ? '' : `: ${found.join('; ')}`;
    return { ok: false, reason: `expected ${expected.verdict}, got ${verdict}${because}` };
  }
  if (expected.verdict !== 'FAIL') return { ok: true, reason: null };
  const failures = findings.filter((finding) => finding.verdict === 'FAIL');
  const { class: kind, hop, column, table } = expected.finding;
  const fits = (finding: Finding): boolean =>
    finding.class === kind &&
    finding.hop === hop &&
    (table === undefined || finding.table === table) &&
    (column === undefined || namesColumn(finding, column));
  if (!failures.some(fits)) {
    const got = failures.map(describeFinding).join('; ') || 'no failing finding';
    return { ok: false, reason: `FAIL, but not for ${describeExpected(expected)}: ${got}` };
  }
  const follows = expected.follows ?? [];
  const isAbsence = (finding: Finding): boolean =>
    finding.class === 'absent' &&
    (follows.includes('missing') || (kind === 'missing' && finding.hop === hop));
  const foreign = failures.find(
    (finding) => !fits(finding) && !isAbsence(finding) && !follows.includes(finding.class),
  );
  if (foreign !== undefined) {
    return { ok: false, reason: `FAIL for another reason too: ${describeFinding(foreign)}` };
  }
  const wrongStop = expected.stop === undefined ? null : judgeStop(expected.stop, hop, stops);
  return { ok: wrongStop === null, reason: wrongStop };
}

/** Why the connector of that hop has not stopped as it must; null if it has. */
function judgeStop(expected: LoudStop, hop: Hop, stops: readonly StopSeen[]): string | null {
  const seen = stops.findLast(({ connector, stopped }) => stopped && hopOf(connector) === hop);
  if (seen === undefined) return `no step saw a connector @${hop} stop`;
  const { afterMs, code, trace } = seen;
  const wanted = 'code' in expected ? expected.says : expected.trace;
  const says = wanted === undefined || new RegExp(wanted).test(trace ?? '');
  const fits = says && (!('code' in expected) || code === expected.code);
  if (!fits) {
    const line = trace?.split('\n')[0];
    const said = (says ? code : line) ?? line ?? 'no reason given';
    return `it stopped, but not with ${errorOf(expected)}: ${said}`;
  }
  if (afterMs <= expected.withinMs) return null;
  return `it stopped with ${errorOf(expected)}, but after ${afterMs} ms and not within ${expected.withinMs} ms`;
}

/** The code of the required error, the pattern for its trace, or both. */
function errorOf(stop: LoudStop): string {
  if (!('code' in stop)) return `/${stop.trace}/`;
  return stop.says === undefined ? stop.code : `${stop.code} /${stop.says}/`;
}

function namesColumn(finding: Finding, column: string): boolean {
  return [finding.first, ...finding.examples].some((example) => example?.columns.includes(column) ?? false);
}
