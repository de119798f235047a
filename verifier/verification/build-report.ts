import assert from 'node:assert/strict';
import { unreachable } from '../../pipeline/contract/unreachable.ts';
import type { Check, CheckResult } from '../check.ts';
import { printLsn } from '../connection/lsn.ts';
import type { ConnectorView, FenceOutcome } from '../observe/fence.ts';
import type { CheckReport, Finding, MemoryReport, Report, TableReport } from '../report.ts';
import { countText } from '../units.ts';
import { type Verdict, worst } from '../verdict.ts';
import type { Content } from './comparison.ts';
import { countOf } from './row-findings.ts';

export interface CheckOutcome {
  readonly check: Check;
  readonly result: CheckResult;
  readonly durationMs: number;
}

/** What one verification has found out. */
export interface Outcome {
  readonly fence: FenceOutcome;
  readonly checks: readonly CheckOutcome[];
  /** Null if the tables were not compared. */
  readonly content: Content | null;
  readonly connectors: readonly ConnectorView[];
  /** Position of the source at the end; null if the source did not answer. */
  readonly toLsn: string | null;
  readonly durationMs: number;
  /** False if there are only two databases: nothing has to be carried from one to the other. */
  readonly hasPipeline: boolean;
  /** Null where nothing is remembered. */
  readonly memory: MemoryReport | null;
}

/**
 * The report's verdict is the worst of the fence, the coverage, the checks and their findings. PASS needs all of them:
 * a fence that was passed, a coverage of 1, and at least one check that had something to judge.
 */
export function buildReport(outcome: Outcome): Report {
  const { fence, content } = outcome;
  const checks: CheckReport[] = [
    fenceReport(fence, outcome.hasPipeline),
    ...outcome.checks.map(({ check, result, durationMs }) => ({
      check: check.name,
      verdict: result.verdict,
      status: result.status ?? 'judged',
      detail: result.detail,
      durationMs,
    })),
  ];
  const findings = outcome.checks.flatMap(({ result }) => result.findings);
  const coverage = content?.coverage ?? 0;
  const complete: Verdict = fence.tag === 'passed' && coverage < 1 ? 'INCONCLUSIVE' : 'PASS';
  const nothing: Verdict = outcome.checks.some(({ result }) => result.status !== 'not-applicable')
    ? 'PASS'
    : 'INCONCLUSIVE';
  const given = <T>(pick: (result: CheckResult) => T | undefined): T | null =>
    outcome.checks.map(({ result }) => pick(result)).find((value) => value !== undefined) ?? null;
  const verdict = worst([
    complete,
    nothing,
    ...checks.map((check) => check.verdict),
    ...findings.map((finding) => finding.verdict),
  ]);
  assert(verdict !== 'PASS' || (fence.tag === 'passed' && coverage === 1), 'no evidence, no PASS');
  return {
    schemaVersion: 1,
    verdict,
    at: new Date().toISOString(),
    durationMs: Math.round(outcome.durationMs),
    window: windowOf(fence, content, outcome.toLsn),
    coverage,
    comparison: content?.comparison ?? null,
    scans: content?.scans ?? null,
    tables: tableReports(content, given((result) => result.orphans) ?? new Map(), findings),
    checks,
    findings,
    progress: fence.progress,
    ledger: given((result) => result.ledger),
    memory: outcome.memory === null ? null : noted(outcome.memory, findings),
    deliveries: given((result) => result.deliveries),
    connectors: outcome.connectors.map(({ name, type, state, tasks }) => ({
      name,
      type,
      state,
      tasks: [...tasks],
    })),
  };
}

/** Checks whose faults leave evidence that stays when the rows are right again (`equal-now.ts`). */
const LASTING = new Set(['dead-letters', 'effects', 'foreign-writers', 'order', 'processing-log']);

/** Says so where a fault may be over, and no earlier verification is known by which to tell. */
function noted(memory: MemoryReport, findings: readonly Finding[]): MemoryReport {
  const isLasting = findings.some(({ check, verdict }) => verdict === 'FAIL' && LASTING.has(check));
  if (memory.note !== null || memory.verifications > 0 || !isLasting) return memory;
  const next =
    memory.file === null
      ? 'with --state and a folder for what is seen, the next verification can tell'
      : 'the next verification can tell';
  return {
    ...memory,
    note: `no earlier verification is known, so a fault that is over looks like one of now: ${next}`,
  };
}

/** The window of the exact comparison, if there was one; else from the fence to the source's last position. */
function windowOf(fence: FenceOutcome, content: Content | null, toLsn: string | null): Report['window'] {
  const { fromLsn = null, toLsn: last = null } = content?.comparison ?? {};
  if (fromLsn !== null && last !== null) return { fromLsn, toLsn: last };
  return { fromLsn: fence.lsn === null ? null : printLsn(fence.lsn), toLsn };
}

/** Between two databases without a pipeline there is nothing to wait for, but both must have been reached. */
function fenceReport(fence: FenceOutcome, hasPipeline: boolean): CheckReport {
  if (fence.tag !== 'passed' || hasPipeline) return { ...judgedFence(fence), status: 'judged' };
  const detail = 'there is no pipeline to wait for: no slot, no Kafka, no connector and no subscription';
  return { check: 'fence', status: 'not-applicable', verdict: 'PASS', detail };
}

function judgedFence(fence: FenceOutcome): CheckReport {
  const check = 'fence';
  const at = fence.lsn === null ? 'the source' : printLsn(fence.lsn);
  switch (fence.tag) {
    case 'passed':
      return { check, verdict: 'PASS', detail: `the pipeline has carried everything up to ${at}` };
    case 'in-progress': {
      const { eventsBehind, waitingFor, rateEventsPerSecond } = fence.progress;
      const rate = countText(Math.round(rateEventsPerSecond));
      const detail = `${countText(eventsBehind)} events behind at ${rate}/s, waiting for ${waitingFor.join(' and ')}`;
      return { check, verdict: 'SYNC_IN_PROGRESS', detail };
    }
    case 'connector-failed':
      return { check, verdict: 'INCONCLUSIVE', detail: 'not passed: a connector has failed' };
    case 'no-evidence':
      return { check, verdict: 'INCONCLUSIVE', detail: fence.reason };
    default:
      return unreachable(fence, 'outcome of a fence');
  }
}

function tableReports(
  content: Content | null,
  orphans: ReadonlyMap<string, number>,
  findings: readonly Finding[],
): TableReport[] {
  return (content?.tables ?? []).map((table) => {
    const { comparison } = table;
    const own = findings.filter((finding) => finding.table === table.table.id).map(({ verdict }) => verdict);
    const inFlight = comparison?.inFlight.length ?? 0;
    const isAbsent = comparison?.pair.sink === undefined;
    const moving: Verdict = comparison?.stopped === 'sync-in-progress' ? 'SYNC_IN_PROGRESS' : 'INCONCLUSIVE';
    const seen: Verdict = comparison === null ? 'INCONCLUSIVE' : inFlight > 0 ? moving : 'PASS';
    return {
      table: table.table.id,
      key: table.table.key.map(({ name }) => name),
      verdict: worst([seen, ...own]),
      sourceRows: comparison?.sourceRows ?? null,
      sinkRows: isAbsent ? null : comparison.sinkRows,
      checksumEqual: isAbsent ? null : comparison.equal,
      missing: countOf(table, 'missing'),
      extra: countOf(table, 'extra'),
      stale: countOf(table, 'stale'),
      corrupted: countOf(table, 'corrupted'),
      duplicates: countOf(table, 'duplicate'),
      orphans: orphans.get(table.table.id) ?? 0,
      inFlight,
    };
  });
}
