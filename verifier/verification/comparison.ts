import assert from 'node:assert/strict';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { type ScannedTable, scanTable } from '../compare/scan-table.ts';
import { settleTables, type TableComparison } from '../compare/table-comparison.ts';
import type { VerifierConfig } from '../config.ts';
import { compareByFence } from '../exact/by-fence.ts';
import type { KnownTables, Round } from '../incremental/known-tables.ts';
import { scanChanged } from '../incremental/scan-changed.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import type { Databases } from '../observe/connections.ts';
import type { PassFence } from '../observe/fence.ts';
import type { Pipeline } from '../observe/pipeline.ts';
import { sharedCopies } from '../observe/shared-copies.ts';
import type { Table } from '../observe/source/catalogue.ts';
import type { TopicHistory } from '../observe/topic/topic-history.ts';
import type { ComparisonReport, ScansReport } from '../report.ts';
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
  const byFence = async (tables: readonly Table[]): Promise<void> => {
    if (tables.length === 0) return;
    const { source, sink } = databases;
    const own = await compareByFence(tables, { config, catalogues, passFence, signal, source, sink });
    comparison = own.report;
    for (const [id, answer] of own.answers) answers.set(id, answer);
  };
  if (config.fence === 'auto' || config.fence === 'settle') {
    await scanThenSettle(
      inputs,
      { ...catalogues, expected: comparable },
      { answers, byFence, passFence, round },
    );
  } else await byFence(comparable);
  for (const [id, answer] of answers) round?.compared(id, answer);
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

/** How tables are scanned and settled. */
interface Ways {
  readonly answers: Answers;
  readonly byFence: (tables: readonly Table[]) => Promise<void>;
  readonly passFence: PassFence;
  readonly round: Round | null;
}

/**
 * Scans every table. What differs goes to `byFence`; what that leaves open is settled behind common fences. Of a table
 * that is known, only some keys are compared: they are settled first, and only a table that leaves some open is compared
 * whole.
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
  for (const table of expected) {
    const [copy, plan] = [copies.get(table.id), round?.planOf(table.id)];
    try {
      if (plan?.tag === 'changed' && copy !== undefined) {
        changed.push(await scanChanged({ source, sink }, table, copy, plan.keys, plan.rows, signal));
      } else scanned.push(await scanTable(source, sink, table, copy, options));
    } catch (error) {
      answers.set(table.id, error instanceof Error ? error : new Error(String(error)));
    }
  }
  const settle = async (tables: readonly ScannedTable[]): Promise<void> => {
    const settled = await settleTables(source, sink, tables, options);
    for (const [i, { table }] of tables.entries()) {
      answers.set(table.id, settled[i] ?? new Error('it was not settled'));
    }
  };
  await settle(changed);
  await byFence([
    ...scanned.filter(({ scan }) => scan.suspects.length > 0).map(({ table }) => table),
    ...changed.map(({ table }) => table).filter(({ id }) => isOpen(answers.get(id))),
  ]);
  await settle(scanned.filter(({ table }) => !answers.has(table.id)));
}

/** Keys that kept changing are neither right nor wrong; only an exact comparison can tell. */
function isOpen(answer: TableComparison | Error | undefined): boolean {
  return answer !== undefined && !(answer instanceof Error) && answer.inFlight.length > 0;
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
