/**
 * `verifier/exact`: compares tables exactly, while writes go on or while nobody writes, by the configured fence.
 * In: the tables and their copies, a way to pass the progress fence, and the bounds on snapshots and memory.
 * Out: per table a comparison, or why there is none, and a report of the watermarks and snapshots behind the answers.
 * Promises: every key is compared at one point in the source's history; an answer counts only if nothing disturbed its
 *   snapshots; no snapshot and no slot outlives its bound or the verifier; nothing is written to either database.
 */

import type { TableComparison } from '../compare/table-comparison.ts';
import type { VerifierConfig } from '../config.ts';
import { printLsn } from '../connection/lsn.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import type { Databases } from '../observe/connections.ts';
import type { PassFence } from '../observe/fence.ts';
import { copyNames, shapeOf } from '../observe/sink/copy-shape.ts';
import type { Table } from '../observe/source/catalogue.ts';
import type { ValueSettings } from '../observe/source/value-settings.ts';
import type { ComparisonReport } from '../report.ts';
import type { Outcome } from './compare-in-parts.ts';
import { compareStill } from './compare-still.ts';
import { compareExactly } from './exact-window.ts';
import type { Copy } from './snapshot-pair.ts';

export interface FencedAnswers {
  /** By the source's id: a comparison, or why there is none. A table that is absent is still to be compared. */
  readonly answers: ReadonlyMap<string, TableComparison | Error>;
  readonly report: ComparisonReport;
}

interface Context extends Databases {
  readonly config: VerifierConfig;
  readonly catalogues: Catalogues;
  /** Settings of the capture that change values; undefined: none is known. */
  readonly settings?: ValueSettings | undefined;
  readonly passFence: PassFence;
  readonly signal: AbortSignal;
}

const NOT_COMPARED: ComparisonReport = {
  mode: 'settle',
  exact: false,
  attempts: 0,
  fromLsn: null,
  toLsn: null,
  windowMs: 0,
  touchedKeys: 0,
  touchedShare: 0,
  notExact: [],
};

/** Bounds under the fence `slot`: an exact comparison is the only way to judge. */
const PATIENT = { slotCreationMs: 10_000, attempts: 3 };
/** Bounds under the fence `auto`, which can fall back to settling suspects one by one. */
const BRIEF = { slotCreationMs: 3_000, attempts: 2 };
const DRAIN_MS = 30_000;
/** Time between two reads of databases that nobody should write to. */
const QUIET_MS = 2_000;

/** Compares tables by the fence that the configuration names, as far as that fence can. */
export async function compareByFence(tables: readonly Table[], context: Context): Promise<FencedAnswers> {
  const { copies, source } = context.catalogues;
  const apart = copyNames(context.config, source);
  const pairs = tables.map(
    (table): Copy => ({
      id: table.id,
      copy: copies.get(table.id)?.id ?? null,
      shape: { ...shapeOf(context.config, table, apart), settings: context.settings },
    }),
  );
  const mode = context.config.fence;
  switch (mode) {
    case 'settle':
      return { answers: new Map(), report: NOT_COMPARED };
    case 'auto':
    case 'slot':
      return await bySlot(pairs, context, mode === 'auto' ? BRIEF : PATIENT);
    case 'quiesce':
    case 'none':
      return await still(pairs, context, mode);
  }
}

async function bySlot(
  pairs: readonly Copy[],
  { config, passFence, signal }: Context,
  { slotCreationMs, attempts }: typeof PATIENT,
): Promise<FencedAnswers> {
  const { maxSettledKeys, touchedKeys: keys, touchedBytes: bytes } = config.thresholds;
  const options = {
    sourceUrl: config.source.url,
    sinkUrl: config.sink.url,
    statementTimeoutMs: config.compareTimeoutMs,
    ...boundsOf(config),
    passFence,
    maxSettledKeys,
    limits: { keys, bytes },
    slotCreationMs,
    drainMs: DRAIN_MS,
    signal,
  };
  const outcome = await compareExactly(pairs, options, attempts);
  const { window, notExact } = outcome;
  const report: ComparisonReport = {
    mode: 'slot',
    exact: notExact.size === 0,
    attempts: outcome.attempts,
    fromLsn: window === null ? null : printLsn(window.fromLsn),
    toLsn: window === null ? null : printLsn(window.toLsn),
    windowMs: Math.round(window?.durationMs ?? 0),
    touchedKeys: outcome.touchedKeys,
    touchedShare: shareOf(outcome),
    notExact: [...notExact].map(([table, { message: reason }]) => ({ table, reason })),
    ...snapshotsOf(config, outcome),
  };
  const kept = config.fence === 'slot' ? notExact : [];
  return { answers: new Map([...outcome.tables, ...kept]), report };
}

function shareOf({ tables, touchedKeys }: Outcome): number {
  let rows = 0;
  for (const answer of tables.values()) rows += answer instanceof Error ? 0 : answer.sourceRows;
  return touchedKeys === 0 ? 0 : Math.min(1, touchedKeys / Math.max(rows, 1));
}

async function still(
  pairs: readonly Copy[],
  { config, signal, source, sink }: Context,
  mode: 'quiesce' | 'none',
): Promise<FencedAnswers> {
  const startedMs = performance.now();
  const quietMs = mode === 'none' ? 0 : QUIET_MS;
  const deadlineAtMs = startedMs + config.deadlineMs;
  const { maxSettledKeys } = config.thresholds;
  const options = { ...boundsOf(config), maxSettledKeys, quietMs, deadlineAtMs, signal };
  const { answers, ...outcome } = await compareStill(pairs, { source, sink }, options);
  const windowMs = Math.round(performance.now() - startedMs);
  const report = { ...NOT_COMPARED, mode, attempts: 1, windowMs, ...snapshotsOf(config, outcome) };
  return { answers, report };
}

type Snapshots = Pick<Outcome, 'windows' | 'parts' | 'longestSnapshotMs'>;

function snapshotsOf({ snapshotBoundMs }: VerifierConfig, { windows, parts, longestSnapshotMs }: Snapshots) {
  return { snapshotBoundMs, windows, parts, longestSnapshotMs: Math.round(longestSnapshotMs) };
}

function boundsOf({ versionColumn, snapshotBoundMs, thresholds }: VerifierConfig) {
  return { versionColumn, snapshotBoundMs, mostRowsPerPart: thresholds.rowsPerPart ?? undefined };
}
