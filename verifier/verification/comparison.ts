import assert from 'node:assert/strict';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { type ScannedTable, type ScanOptions, scanTable } from '../compare/scan-table.ts';
import { settleTables, type TableComparison } from '../compare/table-comparison.ts';
import { isConfigured, pairTables } from '../compare/table-pair.ts';
import type { VerifierConfig } from '../config.ts';
import type { Database } from '../connection/postgres.ts';
import { compareByFence } from '../exact/by-fence.ts';
import { wasAltered } from '../exact/was-altered.ts';
import type { KnownTables, Round } from '../incremental/known-tables.ts';
import { scanChanged } from '../incremental/scan-changed.ts';
import { captureSettings } from '../observe/capture-settings.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import type { Databases } from '../observe/connections.ts';
import type { PassFence } from '../observe/fence.ts';
import type { Pipeline } from '../observe/pipeline.ts';
import { sharedCopies } from '../observe/shared-copies.ts';
import { underSettings } from '../observe/sink/copy-shape.ts';
import type { Table } from '../observe/source/catalogue.ts';
import type { ValueSettings } from '../observe/source/value-settings.ts';
import type { TopicHistory } from '../observe/topic/topic-history.ts';
import type { ComparisonReport, ScansReport } from '../report.ts';
import { countText } from '../units.ts';
import { type AttributedRow, type AttributedTable, attributeRows } from './attribute-rows.ts';

/** What the comparison of all tables found. */
export interface Content {
  readonly tables: readonly TableContent[];
  /** Share of the expected tables that were compared, 0 to 1. */
  readonly coverage: number;
  /** Null if all tables were equal in the first scan. */
  readonly comparison: ComparisonReport | null;
  /** Null where everything was compared. */
  readonly scans?: ScansReport | null;
}

export interface TableContent {
  readonly table: Table;
  readonly comparison: TableComparison | null;
  /** Why the table could not be compared; null if it was. */
  readonly problem: string | null;
  /** The first wrong rows, with the hop that lost them. */
  readonly attributed: readonly AttributedRow[];
  /** What the topic says; null if it was not read. */
  readonly history: TopicHistory | null;
}

interface ComparisonInputs {
  readonly config: VerifierConfig;
  readonly signal: AbortSignal;
  readonly databases: Databases;
  readonly pipeline: Pick<Pipeline, 'kafka' | 'topics' | 'passFence'>;
  /** What earlier comparisons have found, and what was written since; undefined: everything is compared. */
  readonly known?: KnownTables | undefined;
}

type Answers = Map<string, TableComparison | Error>;

/**
 * Compares every expected table, then names the hop of each wrong row. With the fence `auto`, a table that is equal in
 * the first scan needs no more; one that differs is compared exactly or, if that is impossible, settled key by key.
 */
export async function compareContent(inputs: ComparisonInputs, catalogues: Catalogues): Promise<Content> {
  const { config, signal, databases } = inputs;
  const { passFence } = inputs.pipeline;
  const answers: Answers = new Map();
  for (const [id, why] of sharedCopies(config, catalogues.source)) answers.set(id, new Error(why));
  const comparable = catalogues.expected.filter(({ id }) => !answers.has(id));
  const round = (await inputs.known?.begin(catalogues, databases)) ?? null;
  let comparison: ComparisonReport | null = null;
  const byFence = async (tables: readonly Table[], settings: ValueSettings | undefined): Promise<void> => {
    if (tables.length === 0) return;
    const { source, sink } = databases;
    const context = { config, catalogues, settings, passFence, signal, source, sink };
    const own = await compareByFence(tables, context);
    comparison = own.report;
    for (const [id, answer] of own.answers) answers.set(id, answer);
  };
  if (config.fence === 'auto' || config.fence === 'settle') {
    await scanThenSettle(
      inputs,
      { ...catalogues, expected: comparable },
      { answers, byFence, passFence, round },
    );
  } else await byFence(comparable, await captureSettings(config));
  for (const [id, answer] of answers) {
    // What was compared under settings of the capture is compared whole the next time.
    if (answer instanceof Error || !isConfigured(answer.pair)) round?.compared(id, answer);
  }
  const compared = [...answers.values()].flatMap((answer) => (answer instanceof Error ? [] : [answer]));
  const attributed = await attributeRows(inputs, compared);
  const expected = catalogues.expected.length + catalogues.unknown.length;
  assert(compared.length <= catalogues.expected.length, 'only expected tables are compared');
  return {
    tables: catalogues.expected.map((table) => contentOf(table, answers, attributed)),
    coverage: expected === 0 ? 0 : compared.length / expected,
    comparison,
    scans: round?.report() ?? null,
  };
}

type ByFence = (tables: readonly Table[], settings: ValueSettings | undefined) => Promise<void>;

/** How tables are scanned and settled. */
interface Ways {
  readonly answers: Answers;
  readonly byFence: ByFence;
  readonly passFence: PassFence;
  readonly round: Round | null;
}

/**
 * Scans every table. What differs, also from what the capture's settings make of the values, goes to `byFence`; what that
 * leaves open is settled behind common fences. Of a table that is known, only some keys are compared: they are settled
 * first, and only a table that leaves some open, or that has values which settings change, is compared whole.
 */
async function scanThenSettle(
  { config, signal, databases }: ComparisonInputs,
  { expected, copies }: Catalogues,
  { answers, byFence, passFence, round }: Ways,
): Promise<void> {
  const { maxSettledKeys, settleRounds, rowsPerPart } = config.thresholds;
  const { versionColumn, snapshotBoundMs } = config;
  const options = {
    passFence,
    maxSettledKeys,
    settleRounds,
    versionColumn,
    snapshotBoundMs,
    rowsPerPart,
    signal,
  };
  const [source, sink] = [await databases.source(), await databases.sink()];
  const scanned: ScannedTable[] = [];
  const changed: ScannedTable[] = [];
  const altered: Table[] = [];
  for (const table of expected) {
    const [copy, plan] = [copies.get(table.id), round?.planOf(table.id)];
    try {
      if (plan?.tag === 'changed' && copy !== undefined) {
        const own = await scanChanged({ source, sink }, table, copy, plan.keys, plan.rows, signal);
        if (own.scan.suspects.length <= maxSettledKeys) {
          changed.push(own);
          continue;
        }
        // Settling holds their rows in memory. The scan of the whole table names as many as it may.
        round?.wasWhole(table.id, `more than ${countText(maxSettledKeys)} of the changed keys differ`);
      }
      scanned.push(await scanTable(source, sink, table, copy, options));
    } catch (error) {
      answers.set(table.id, error instanceof Error ? error : new Error(String(error)));
      // The comparison by fence describes the table again, and tries more than once.
      if (wasAltered(error)) altered.push(table);
    }
  }
  const settle = async (tables: readonly ScannedTable[]): Promise<void> => {
    const settled = await settleTables(source, sink, tables, options);
    for (const [i, { table }] of tables.entries()) {
      answers.set(table.id, settled[i] ?? new Error('it was not settled'));
    }
  };
  await settle(changed);
  const wrong = changed.filter(({ table }) => isWrong(answers.get(table.id)));
  const differing = [...scanned.filter(isSuspect), ...wrong];
  const open = changed.filter(({ table }) => isOpen(answers.get(table.id)));
  const isAllEqual = differing.length + open.length + altered.length === 0;
  const settings = isAllEqual ? undefined : await captureSettings(config);
  const { again, failed } = await rescan({ source, sink }, differing, settings, options);
  for (const { table } of again) answers.delete(table.id);
  for (const [id, error] of failed) answers.set(id, error);
  const isDone = new Set([...failed.keys(), ...again.map(({ table }) => table.id)]);
  const whole = [...scanned.filter(({ table }) => !isDone.has(table.id)), ...again];
  await byFence(
    [
      ...[...whole.filter(isSuspect), ...open.filter(({ table }) => !isDone.has(table.id))].map(
        ({ table }) => table,
      ),
      ...altered,
    ],
    settings,
  );
  await settle(whole.filter(({ table }) => !answers.has(table.id)));
}

/** Keys that kept changing are neither right nor wrong; only an exact comparison can tell. */
function isOpen(answer: TableComparison | Error | undefined): boolean {
  return answer !== undefined && !(answer instanceof Error) && answer.inFlight.length > 0;
}

function isWrong(answer: TableComparison | Error | undefined): boolean {
  return answer !== undefined && !(answer instanceof Error) && answer.wrong.length > 0;
}

function isSuspect({ scan }: ScannedTable): boolean {
  return scan.suspects.length > 0;
}

/** Scans again, of tables that differ, those with values that the settings change: now the copy must have these. */
async function rescan(
  { source, sink }: { readonly source: Database; readonly sink: Database },
  differing: readonly ScannedTable[],
  settings: ValueSettings | undefined,
  options: ScanOptions,
): Promise<{ readonly again: readonly ScannedTable[]; readonly failed: ReadonlyMap<string, Error> }> {
  const again: ScannedTable[] = [];
  const failed = new Map<string, Error>();
  for (const { table, pair } of differing) {
    const copy = pair.sink && underSettings(pair.sink, settings);
    if (!isConfigured(pairTables(table, copy))) continue;
    try {
      again.push(await scanTable(source, sink, table, copy, options));
    } catch (error) {
      options.signal.throwIfAborted();
      // Altered meanwhile: the comparison by fence describes the table again.
      if (!wasAltered(error)) failed.set(table.id, error instanceof Error ? error : new Error(String(error)));
    }
  }
  return { again, failed };
}

function contentOf(
  table: Table,
  answers: Answers,
  attributed: ReadonlyMap<string, AttributedTable>,
): TableContent {
  const answer = answers.get(table.id) ?? new Error('it was not compared');
  if (answer instanceof Error) {
    return { table, comparison: null, problem: messageOf(answer), attributed: [], history: null };
  }
  const { rows, history } = attributed.get(table.id) ?? { rows: [], history: null };
  return { table, comparison: answer, problem: null, attributed: rows, history };
}
