/**
 * `verifier/verification`: runs one verification of a pipeline, from the progress fence to the report.
 * In: a configuration, the checks, a deadline, and what earlier verifications have seen.
 * Out: a report; the compared content, with the rows' values, goes only to `onContent`.
 * Promises: never throws, and never reports PASS without evidence: what fails, hangs or cannot be read is INCONCLUSIVE
 * with the reason, and the worst verdict wins.
 */

import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Check, CheckContext } from '../check.ts';
import type { VerifierConfig } from '../config.ts';
import type { KnownTables } from '../incremental/known-tables.ts';
import { readCatalogues, settledCatalogues, topicsOf } from '../observe/catalogues.ts';
import { type Connections, type Databases, OpenConnections } from '../observe/connections.ts';
import { type FenceInputs, type FenceOutcome, type PassFence, passFence } from '../observe/fence.ts';
import { compareLedger } from '../observe/ledger/compare-ledger.ts';
import type { Pipeline, TopicsByTable } from '../observe/pipeline.ts';
import { followsPipeline, PipelineProgress } from '../observe/pipeline-progress.ts';
import { type Processed, readProcessed } from '../observe/sink/processed.ts';
import { TopicLog } from '../observe/topic/topic-log.ts';
import type { Report } from '../report.ts';
import { buildReport, type CheckOutcome } from './build-report.ts';
import { type Content, compareContent } from './comparison.ts';
import { once, onceSucceeded } from './once.ts';
import { runCheck } from './run-check.ts';
import { readTopicLog } from './topic-log-view.ts';
import type { VerifierMemory } from './verifier-memory.ts';

export interface VerifyOptions {
  readonly config: VerifierConfig;
  readonly checks: readonly Check[];
  /** Time for the fence; the checks have `compareTimeoutMs` of the configuration in addition. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Connections that are open already. They are closed at the end, as those are that the verification opens. */
  readonly connections?: OpenConnections | undefined;
  /** Kept by a service from one verification to the next. */
  readonly memory?: VerifierMemory;
  /** What is known of each table from earlier verifications; undefined: everything is compared. */
  readonly known?: KnownTables | undefined;
  /** Receives what the comparison found, with the rows' values, which no report contains. Does not throw. */
  readonly onContent?: (content: Content, databases: Databases) => Promise<void>;
}

/** A further fence gets at least this long, however little is left until the deadline. */
const FURTHER_FENCE_MS = 15_000;

/** Runs one verification, from the fence to the report. Never throws: a failure is INCONCLUSIVE, with the reason. */
export async function verify(options: VerifyOptions): Promise<Report> {
  const startedMs = performance.now();
  const { config, checks } = options;
  const timeout = AbortSignal.timeout(options.deadlineMs + config.compareTimeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  await using connections = options.connections ?? new OpenConnections(config);
  const databases: Databases = { source: () => connections.source(), sink: () => connections.sink() };
  const catalogues = onceSucceeded(() => readCatalogues(config, databases));
  const topics = async (): Promise<TopicsByTable> => topicsOf(config, await catalogues());
  const progress = new PipelineProgress(config, connections, async () => [...(await topics()).values()]);
  const deadlineAtMs = startedMs + options.deadlineMs;
  const fence = await firstFence(progress, deadlineAtMs, signal);
  const further = new FurtherFences(progress, deadlineAtMs, signal);
  // Read before the topics, so that all records that the totals count are among those read, and before a check opens a
  // snapshot, which a permission error would abort.
  const processed = fence.tag === 'passed' ? await processedBy(config, databases, topics) : null;
  const pipeline: Pipeline = {
    fence,
    connectors: await progress.connectors(),
    topics,
    kafka: () => connections.kafka(),
    passFence: further.pass,
  };
  const { memory, known } = options;
  if (fence.tag === 'passed') await memory?.begin({ ...databases, config, topics });
  // Read again behind the fence: the pipeline may have created the sink's tables, or a column, while it caught up.
  const settled = onceSucceeded(async () =>
    settledCatalogues(
      config,
      databases,
      further.pass,
      followsPipeline(config) ? undefined : await catalogues(),
    ),
  );
  const context: CheckContext = {
    config,
    signal,
    databases,
    pipeline,
    evidence: {
      catalogues: settled,
      content: once(async () =>
        compareContent({ config, signal, databases, pipeline, known }, await settled()),
      ),
      topicLog: once(() =>
        readTopicLog(memory?.topics ?? new TopicLog(), { processed, pipeline, catalogues, signal }),
      ),
      ledger: once(async () => {
        if (config.ledger === null) throw new Error('no ledger is configured');
        const source = await databases.source();
        const { expected } = await settled();
        const { ledger: path, versionColumn } = config;
        return await compareLedger({ path, source, expected, versionColumn, signal, memory: memory?.ledger });
      }),
    },
    memory,
  };
  // The topics are read while the databases scan. A failure is reported by the check that asks for them.
  if (fence.tag === 'passed') context.evidence.topicLog().catch(() => undefined);
  const outcomes = await runChecks(checks, context);
  const last = further.hasFailed ? await progress.connectors() : pipeline.connectors;
  const final = further.hasFailed
    ? await rerunQuickChecks(outcomes, { ...context, pipeline: { ...pipeline, connectors: last } })
    : outcomes;
  const content = fence.tag === 'passed' ? await context.evidence.content().catch(() => null) : null;
  if (content !== null) await options.onContent?.(content, databases);
  const toLsn = await currentLsn(connections);
  return buildReport({
    ...{ fence, checks: final, content, connectors: last, toLsn },
    hasPipeline: followsPipeline(config),
    memory: fence.tag === 'passed' ? ((await memory?.end(new Date().toISOString())) ?? null) : null,
    durationMs: performance.now() - startedMs,
  });
}

async function firstFence(
  progress: FenceInputs,
  deadlineAtMs: number,
  signal: AbortSignal,
): Promise<FenceOutcome> {
  try {
    return await passFence(progress, { deadlineAtMs, signal });
  } catch (error) {
    return { tag: 'no-evidence', reason: messageOf(error), lsn: null, progress: null };
  }
}

/** Passes the fences that follow the first one, and remembers whether a connector failed meanwhile. */
class FurtherFences {
  hasFailed = false;
  readonly #progress: FenceInputs;
  readonly #deadlineAtMs: number;
  readonly #signal: AbortSignal;

  constructor(progress: FenceInputs, deadlineAtMs: number, signal: AbortSignal) {
    this.#progress = progress;
    this.#deadlineAtMs = deadlineAtMs;
    this.#signal = signal;
  }

  readonly pass: PassFence = async () => {
    const deadlineAtMs = Math.max(this.#deadlineAtMs, performance.now() + FURTHER_FENCE_MS);
    const { tag } = await passFence(this.#progress, { deadlineAtMs, signal: this.#signal });
    this.hasFailed ||= tag === 'connector-failed';
    return tag === 'passed' ? 'passed' : tag === 'in-progress' ? 'sync-in-progress' : 'no-evidence';
  };
}

async function runChecks(checks: readonly Check[], context: CheckContext): Promise<CheckOutcome[]> {
  const outcomes: CheckOutcome[] = [];
  for (const check of checks) {
    const before = performance.now();
    const result = await runCheck(check, context);
    outcomes.push({ check, result, durationMs: Math.round(performance.now() - before) });
  }
  return outcomes;
}

/** A connector failed while tables were compared: checks that judge its state have to look at it again. */
async function rerunQuickChecks(
  outcomes: readonly CheckOutcome[],
  context: CheckContext,
): Promise<CheckOutcome[]> {
  const again: CheckOutcome[] = [];
  for (const outcome of outcomes) {
    const { check } = outcome;
    again.push(check.needsFence ? outcome : { ...outcome, result: await runCheck(check, context) });
  }
  return again;
}

/** Returns an error instead of throwing it: only the checks that need these totals fail. */
async function processedBy(
  config: VerifierConfig,
  databases: Databases,
  topics: () => Promise<TopicsByTable>,
): Promise<readonly Processed[] | null | Error> {
  try {
    return await readProcessed(await databases.sink(), config.sink.schema, [...(await topics()).values()]);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function currentLsn(connections: Connections): Promise<string | null> {
  const sql = 'SELECT pg_current_wal_lsn()::text AS lsn';
  return await connections.source().then(
    async (source) => (await source.one(sql, [], 5_000).catch(() => ({ lsn: null }))).lsn ?? null,
    () => null,
  );
}
