import { messageOf } from '../../pipeline/contract/errors.ts';
import {
  type Check,
  type CheckContext,
  type CheckResult,
  checkResultSchema,
  type TopicLogView,
} from '../check.ts';
import type { VerifierConfig } from '../config.ts';
import { printLsn } from '../connection/lsn.ts';
import { type Catalogues, readCatalogues, settledCatalogues, topicsOf } from '../observe/catalogues.ts';
import { OpenConnections } from '../observe/connections.ts';
import { type FenceOutcome, passFence } from '../observe/fence.ts';
import { type Connections, PipelineProgress } from '../observe/pipeline-progress.ts';
import { type Processed, readProcessed } from '../observe/sink/processed.ts';
import { type AdditiveColumn, additiveColumns } from '../observe/topic/additive-sums.ts';
import { TopicLog, type TopicView } from '../observe/topic/topic-log.ts';
import type { CheckReport, Finding, Report, TableReport } from '../report.ts';
import { type Verdict, worst } from '../verdict.ts';
import { type Content, compareContent, countOf } from './comparison.ts';
import type { VerifierMemory } from './verifier-memory.ts';

export interface VerifyOptions {
  readonly config: VerifierConfig;
  readonly checks: readonly Check[];
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Open already, and closed in the end; undefined: opened when first asked for. */
  readonly connections?: OpenConnections | undefined;
  /** Kept by a service from one verification to the next. */
  readonly memory?: VerifierMemory;
  /** Is given what the comparison found, with the rows' values, which no report has. */
  readonly onContent?: (content: Content) => void;
}

/** A further fence gets at least so long, whatever is left of the deadline. */
const SETTLE_FENCE_MS = 15_000;
/** A check that asks only for states must not take longer. */
const QUICK_CHECK_MS = 30_000;

/** One verification, from the fence to the report. Never throws: what goes wrong is INCONCLUSIVE, with the reason. */
export async function verify(options: VerifyOptions): Promise<Report> {
  const startedMs = performance.now();
  const { config, checks } = options;
  const timeout = AbortSignal.timeout(options.deadlineMs + config.compareTimeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  await using connections = options.connections ?? new OpenConnections(config);
  const catalogues = onceRead(() => readCatalogues(config, connections));
  const topics = async (): Promise<ReadonlyMap<string, string>> => topicsOf(config, await catalogues());
  const view = new PipelineProgress(config, connections, async () => [...(await topics()).values()]);
  const fence = await guarded(() =>
    passFence(view, { deadlineAtMs: startedMs + options.deadlineMs, signal }),
  );
  let hasFailed = false;
  const settleFence = async (): Promise<'passed' | 'sync-in-progress' | 'no-evidence'> => {
    const deadlineAtMs = Math.max(startedMs + options.deadlineMs, performance.now() + SETTLE_FENCE_MS);
    const { tag } = await passFence(view, { deadlineAtMs, signal });
    hasFailed ||= tag === 'connector-failed';
    return tag === 'passed' ? 'passed' : tag === 'in-progress' ? 'sync-in-progress' : 'no-evidence';
  };
  // Anew behind the fence: what it waited for may have made the sink's tables, or a column of them.
  const settled = onceRead(async () =>
    settledCatalogues(config, connections, settleFence, waitsFor(config) ? undefined : await catalogues()),
  );
  // Before the topics are read, and before a check has a snapshot open that a refusal would abort.
  const processed = fence.tag === 'passed' ? await processedBy(config, connections, topics) : null;
  const context: CheckContext = {
    config,
    signal,
    fence,
    topics,
    catalogues: settled,
    connectors: await view.connectors(),
    source: () => connections.source(),
    sink: () => connections.sink(),
    kafka: () => connections.kafka(),
    passFence: settleFence,
    memory: options.memory,
    topicLog: once(async () => {
      // Sums are held against what the sink says that it has processed: without that they are of no use.
      const additive = processed === null ? new Map() : await additiveTopics(await catalogues(), topics);
      const log = options.memory?.topics ?? new TopicLog();
      return await readTopicLog(connections, { log, topics, additive, signal, processed });
    }),
    content: once(async () => await compareContent(context, await settled(), settleFence)),
  };
  // Read while the databases scan: its failure is told by the check that asks.
  if (fence.tag === 'passed') context.topicLog().catch(() => undefined);
  const outcomes: { readonly check: Check; result: CheckResult; readonly durationMs: number }[] = [];
  for (const check of checks) {
    const before = performance.now();
    const result = await runCheck(check, context);
    outcomes.push({ check, result, durationMs: Math.round(performance.now() - before) });
  }
  // A connector that failed while tables were compared: how it was before is no longer how it is.
  const last = hasFailed ? { ...context, connectors: await view.connectors() } : context;
  if (hasFailed) {
    for (const own of outcomes) if (!own.check.needsFence) own.result = await runCheck(own.check, last);
  }
  const content = fence.tag === 'passed' ? await context.content().catch(() => null) : null;
  if (content !== null) options.onContent?.(content);
  const toLsn = await currentLsn(connections);
  const durationMs = performance.now() - startedMs;
  return buildReport({ fence, outcomes, content, context: last, toLsn, durationMs });
}

/** Without a pipeline to follow, the fence is passed at once: nothing can have changed behind it. */
function waitsFor({ kafka, source, sink, connectors }: VerifierConfig): boolean {
  return kafka !== null || source.slot !== null || sink.subscription !== null || connectors.length > 0;
}

async function processedBy(
  config: VerifierConfig,
  connections: Connections,
  topics: CheckContext['topics'],
): Promise<readonly Processed[] | null | Error> {
  try {
    return await readProcessed(await connections.sink(), config.sink.schema, [...(await topics()).values()]);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Columns whose sums are followed, by topic. */
async function additiveTopics(
  catalogues: Catalogues,
  topics: CheckContext['topics'],
): Promise<ReadonlyMap<string, readonly AdditiveColumn[]>> {
  const columns = additiveColumns(catalogues);
  return new Map([...(await topics())].map(([id, topic]) => [topic, columns.get(id) ?? []]));
}

interface TopicLogRequest {
  readonly log: TopicLog;
  readonly topics: CheckContext['topics'];
  readonly additive: ReadonlyMap<string, readonly AdditiveColumn[]>;
  readonly signal: AbortSignal;
  readonly processed: readonly Processed[] | null | Error;
}

async function readTopicLog(
  connections: Connections,
  { log, topics, additive, signal, processed }: TopicLogRequest,
): Promise<TopicLogView | null> {
  if (processed instanceof Error) throw processed;
  const kafka = await connections.kafka();
  if (kafka === null) return null;
  const names = [...(await topics()).values()];
  const again = async (): Promise<TopicView> => await log.read(kafka, names, signal, additive);
  return { ...(await again()), processed, again };
}

async function currentLsn(connections: Connections): Promise<string | null> {
  const sql = 'SELECT pg_current_wal_lsn()::text AS lsn';
  return await connections.source().then(
    async (source) => (await source.one(sql, [], 5_000).catch(() => ({ lsn: null }))).lsn ?? null,
    () => null,
  );
}

/** A thrown, unfinished or empty answer is INCONCLUSIVE, never PASS. */
export async function runCheck(check: Check, context: CheckContext): Promise<CheckResult> {
  const { fence } = context;
  if (check.needsFence && fence.tag !== 'passed') {
    const verdict = fence.tag === 'in-progress' ? 'SYNC_IN_PROGRESS' : 'INCONCLUSIVE';
    return { verdict, detail: 'not run: the fence is not passed', findings: [] };
  }
  const limitMs = check.needsFence ? context.config.compareTimeoutMs : QUICK_CHECK_MS;
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(() => limit.reject(new Error(`it did not end within ${limitMs} ms`)), limitMs);
  try {
    const result: unknown = await Promise.race([check.run(context), limit.promise]);
    return checkResultSchema.parse(result);
  } catch (error) {
    const detail = `no result: ${messageOf(error).slice(0, 500)}`;
    return { verdict: 'INCONCLUSIVE', detail, findings: [] };
  } finally {
    clearTimeout(timer);
  }
}

async function guarded(pass: () => Promise<FenceOutcome>): Promise<FenceOutcome> {
  try {
    return await pass();
  } catch (error) {
    return { tag: 'no-evidence', reason: messageOf(error), lsn: null, progress: null };
  }
}

/** Reads once; after a failure it is read anew, for a server may come back. */
function onceRead<T>(read: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return () => {
    known ??= read().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
}

/** Runs once, at the first call; a failure is remembered too. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

interface Parts {
  readonly fence: FenceOutcome;
  readonly outcomes: readonly { check: Check; result: CheckResult; durationMs: number }[];
  readonly content: Content | null;
  readonly context: CheckContext;
  readonly toLsn: string | null;
  readonly durationMs: number;
}

export function buildReport({ fence, outcomes, content, context, toLsn, durationMs }: Parts): Report {
  const checks: CheckReport[] = [
    fenceReport(fence),
    ...outcomes.map(({ check, result, durationMs: own }) => ({
      check: check.name,
      verdict: result.verdict,
      detail: result.detail,
      durationMs: own,
    })),
  ];
  const findings = outcomes.flatMap(({ result }) => result.findings);
  const coverage = content?.coverage ?? 0;
  const complete: Verdict = fence.tag === 'passed' && coverage < 1 ? 'INCONCLUSIVE' : 'PASS';
  const nothing: Verdict = outcomes.length === 0 ? 'INCONCLUSIVE' : 'PASS';
  const last = <T>(pick: (result: CheckResult) => T | undefined): T | null =>
    outcomes.map(({ result }) => pick(result)).find((value) => value !== undefined) ?? null;
  return {
    schemaVersion: 1,
    verdict: worst([
      complete,
      nothing,
      ...checks.map(({ verdict }) => verdict),
      ...findings.map((f) => f.verdict),
    ]),
    at: new Date().toISOString(),
    durationMs: Math.round(durationMs),
    window: windowOf(fence, content, toLsn),
    coverage,
    comparison: content?.comparison ?? null,
    tables: tableReports(content, last((result) => result.orphans) ?? new Map(), findings),
    checks,
    findings,
    progress: fence.progress,
    ledger: last((result) => result.ledger),
    deliveries: last((result) => result.deliveries),
    connectors: context.connectors.map(({ name, type, state, tasks }) => ({
      name,
      type,
      state,
      tasks: [...tasks],
    })),
  };
}

/** Of the exact comparison where there was one; else from the fence to where the source was in the end. */
function windowOf(fence: FenceOutcome, content: Content | null, toLsn: string | null): Report['window'] {
  const { fromLsn = null, toLsn: last = null } = content?.comparison ?? {};
  if (fromLsn !== null && last !== null) return { fromLsn, toLsn: last };
  return { fromLsn: fence.lsn === null ? null : printLsn(fence.lsn), toLsn };
}

function fenceReport(fence: FenceOutcome): CheckReport {
  const check = 'fence';
  const at = fence.lsn === null ? 'the source' : printLsn(fence.lsn);
  switch (fence.tag) {
    case 'passed':
      return { check, verdict: 'PASS', detail: `the pipeline has carried everything up to ${at}` };
    case 'in-progress': {
      const { eventsBehind, waitingFor, rateEventsPerSecond } = fence.progress;
      const rate = rateEventsPerSecond.toFixed(0);
      const detail = `${eventsBehind} events behind at ${rate}/s, waiting for ${waitingFor.join(' and ')}`;
      return { check, verdict: 'SYNC_IN_PROGRESS', detail };
    }
    case 'connector-failed':
      return { check, verdict: 'INCONCLUSIVE', detail: 'not passed: a connector has failed' };
    case 'no-evidence':
      return { check, verdict: 'INCONCLUSIVE', detail: fence.reason };
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
    const moving: Verdict = comparison?.stopped === 'sync-in-progress' ? 'SYNC_IN_PROGRESS' : 'INCONCLUSIVE';
    const seen: Verdict = comparison === null ? 'INCONCLUSIVE' : inFlight > 0 ? moving : 'PASS';
    return {
      table: table.table.id,
      verdict: worst([seen, ...own]),
      sourceRows: comparison?.sourceRows ?? null,
      sinkRows: comparison?.sinkRows ?? null,
      checksumEqual: comparison?.equal ?? null,
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
