import { messageOf } from '../../pipeline/contract/errors.ts';
import { type ScannedTable, scanTable } from '../compare/scan-table.ts';
import type { WrongClass, WrongRow } from '../compare/settle.ts';
import { settleTables, type TableComparison } from '../compare/table-comparison.ts';
import { keyOf } from '../compare/table-pair.ts';
import type { VerifierConfig } from '../config.ts';
import { compareByFence } from '../exact/by-fence.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import type { PassFence } from '../observe/fence.ts';
import type { Connections } from '../observe/pipeline-progress.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { type DeadLetters, NO_LETTERS, readDeadLetters } from '../observe/topic/dead-letters.ts';
import { readHistories, type Sought, type TopicHistory } from '../observe/topic/topic-history.ts';
import type { ComparisonReport, Example, Finding, Hop } from '../report.ts';
import { type Attribution, attribute } from './attribute.ts';
import { judgeDeadLetterRow } from './dead-letter-rows.ts';

/** What the comparison of all tables found. */
export interface Content {
  readonly tables: readonly TableContent[];
  /** Share of the expected tables that were compared. */
  readonly coverage: number;
  /** Null where all tables were equal at first sight. */
  readonly comparison: ComparisonReport | null;
}
export interface AttributedRow extends WrongRow, Attribution {
  readonly class: WrongClass;
  /**
   * The record that would mend the row is in a dead-letter topic: it is not lost, it waits for a person. Never of a row
   * that is corrupted or there twice, see {@link judgeDeadLetterRow}.
   */
  readonly accounted: boolean;
}
export interface TableContent {
  readonly table: Table;
  readonly comparison: TableComparison | null;
  /** Why the table could not be compared; null where it was. */
  readonly problem: string | null;
  /** Wrong rows with the hop that lost them: the first ones. */
  readonly attributed: readonly AttributedRow[];
  /** What the topic says; null where it was not read. */
  readonly history: TopicHistory | null;
}

/** Wrong rows per table of which the hop is sought in the topic. */
const ATTRIBUTED_ROWS = 2_000;
const EXAMPLES = 5;

interface Context extends Connections {
  readonly config: VerifierConfig;
  readonly signal: AbortSignal;
  /** Topic of each expected table. */
  readonly topics: () => Promise<ReadonlyMap<string, string>>;
}

type Answers = Map<string, TableComparison | Error>;

/**
 * Compares every table, then seeks the hops of what is wrong. Where the fence is `auto`, tables that are equal at
 * first sight need no more; what differs is compared exactly, or else settled key by key.
 */
export async function compareContent(
  context: Context,
  catalogues: Catalogues,
  passFence: PassFence,
): Promise<Content> {
  const { fence } = context.config;
  const answers: Answers = new Map();
  let comparison: ComparisonReport | null = null;
  const byFence = async (tables: readonly Table[]): Promise<void> => {
    if (tables.length === 0) return;
    const { config, signal } = context;
    const { source, sink } = context;
    const own = await compareByFence(tables, { config, catalogues, passFence, signal, source, sink });
    comparison = own.report;
    for (const [id, answer] of own.answers) answers.set(id, answer);
  };
  if (fence === 'auto' || fence === 'settle') {
    await scanThenSettle(context, catalogues, { answers, byFence, passFence });
  } else await byFence(catalogues.expected);
  const tables = await attributed(context, catalogues.expected, answers);
  const compared = tables.filter((table) => table.comparison !== null).length;
  const expected = catalogues.expected.length + catalogues.unknown.length;
  return { tables, coverage: expected === 0 ? 0 : compared / expected, comparison };
}

/** Scans every table; what differs goes to `byFence`, and what that has not answered is settled behind common fences. */
async function scanThenSettle(
  context: Context,
  { expected, copies }: Catalogues,
  own: { answers: Answers; byFence: (tables: readonly Table[]) => Promise<void>; passFence: PassFence },
): Promise<void> {
  const { answers, byFence, passFence } = own;
  const { maxSettledKeys, settleRounds, rowsPerPart } = context.config.thresholds;
  const { versionColumn, snapshotBoundMs } = context.config;
  const { signal } = context;
  const options = {
    passFence,
    maxSettledKeys,
    settleRounds,
    versionColumn,
    snapshotBoundMs,
    rowsPerPart,
    signal,
  };
  const [source, sink] = [await context.source(), await context.sink()];
  const scanned: ScannedTable[] = [];
  for (const table of expected) {
    try {
      scanned.push(await scanTable(source, sink, table, copies.get(table.id), options));
    } catch (error) {
      answers.set(table.id, error instanceof Error ? error : new Error(String(error)));
    }
  }
  await byFence(scanned.filter(({ scan }) => scan.suspects.length > 0).map(({ table }) => table));
  const open = scanned.filter(({ table }) => !answers.has(table.id));
  const settled = await settleTables(source, sink, open, options);
  for (const [i, { table }] of open.entries()) {
    answers.set(table.id, settled[i] ?? new Error('it was not settled'));
  }
}

function unread(table: Table, error: unknown): TableContent {
  return { table, comparison: null, problem: messageOf(error), attributed: [], history: null };
}

/** Names the hop of every wrong row: the topics of all tables that have some are read once, together. */
async function attributed(
  context: Context,
  expected: readonly Table[],
  answers: Answers,
): Promise<readonly TableContent[]> {
  const compared = [...answers.values()].flatMap((answer) => (answer instanceof Error ? [] : [answer]));
  // Where Kafka does not answer, the rows are as wrong as they are; only the hop is not known.
  const evidence = await evidenceOf(context, compared).catch(() => null);
  return expected.map((table) => {
    const answer = answers.get(table.id) ?? new Error('it was not compared');
    if (answer instanceof Error) return unread(table, answer);
    const history = evidence?.histories.get(table.id) ?? null;
    const rows = answer.wrong.slice(0, ATTRIBUTED_ROWS).map((row) => {
      const own = { ...row, ...attribute(answer.pair, row, history) };
      const isDeadLettered = own.last !== null && evidence?.letters.has(own.last) === true;
      if (!isDeadLettered) return { ...own, accounted: false };
      const records = history?.records.get(row.keyText) ?? [];
      return judgeDeadLetterRow(answer.pair, own, records, context.config.versionColumn);
    });
    return { table, comparison: answer, problem: null, attributed: rows, history };
  });
}

interface Evidence {
  /** By the source's table. */
  readonly histories: ReadonlyMap<string, TopicHistory>;
  readonly letters: DeadLetters;
}

async function evidenceOf(context: Context, compared: readonly TableComparison[]): Promise<Evidence | null> {
  const topics = await context.topics();
  const sought = new Map<string, Sought>();
  const ids = new Map<string, string>();
  for (const { table, pair, wrong } of compared) {
    const topic = topics.get(table.id);
    const wanted = wrong.filter((row) => row.class !== 'duplicate').slice(0, ATTRIBUTED_ROWS);
    const absent = pair.columns.some((column) => column.types === 'absent');
    if (topic === undefined || (wanted.length === 0 && !absent)) continue;
    sought.set(topic, {
      key: pair.key.map(({ source }) => source),
      columns: pair.columns.map(({ source }) => source.name),
      keyTexts: new Set(wanted.map((row) => row.keyText)),
    });
    ids.set(topic, table.id);
  }
  const kafka = sought.size === 0 ? null : await context.kafka();
  if (kafka === null) return null;
  const found = await readHistories(kafka, sought, await kafka.offsets([...sought.keys()]), context.signal);
  const histories = new Map([...found].map(([topic, history]) => [ids.get(topic) ?? topic, history]));
  const letters = await readDeadLetters(context, kafka).catch(() => NO_LETTERS);
  return { histories, letters };
}

/** Rows of one class in one table, told apart by hop: one finding each, all of them counted. */
export function findingsOf(check: string, content: TableContent, name: WrongClass): Finding[] {
  const { comparison, attributed, table } = content;
  if (comparison === null) return [];
  const total = countOf(content, name);
  if (total === 0) return [];
  const rows = attributed.filter((row) => row.class === name && !row.accounted);
  const byHop = Map.groupBy(rows, (row) => row.hop);
  const counts = [...byHop].map(([hop, own]) => ({
    hop,
    own,
    count: own.reduce((n, row) => n + row.count, 0),
  }));
  counts.sort((a, b) => b.count - a.count);
  const first = counts[0] ?? { hop: 'unknown' as Hop, own: [], count: 0 };
  const listed = counts.reduce((n, entry) => n + entry.count, 0);
  // Rows beyond those looked up in the topic are counted with the hop that most of these have.
  const groups = [{ ...first, count: first.count + total - listed }, ...counts.slice(1)];
  return groups.map(({ hop, own, count }) => {
    const examples = own.slice(0, EXAMPLES).map((row) => exampleOf(comparison, row));
    const columns = [...new Set(own.flatMap((row) => row.columns))];
    const which = columns.length > 0 && name !== 'duplicate' ? ` in ${columns.join(', ')}` : '';
    return {
      check,
      class: name,
      table: table.id,
      count,
      hop,
      verdict: 'FAIL',
      first: examples[0] ?? null,
      examples,
      detail: `${count} ${name} in ${table.id}${which}, lost at: ${hop}`,
    };
  });
}

/** All wrong rows of a class, with what the topic changed about it, less those that dead letters account for. */
export function countOf({ comparison, attributed }: TableContent, name: WrongClass): number {
  if (comparison === null) return 0;
  const settled = comparison.wrong.slice(0, attributed.length);
  const before = settled.filter((row) => row.class === name).reduce((n, row) => n + row.count, 0);
  const own = attributed.filter((row) => row.class === name && !row.accounted);
  return comparison.counts[name] - before + own.reduce((n, row) => n + row.count, 0);
}

/** Wrong rows that a dead letter accounts for. */
export function accountedRows({ attributed }: TableContent): readonly AttributedRow[] {
  return attributed.filter((row) => row.accounted);
}

export function exampleOf(comparison: TableComparison, row: AttributedRow): Example {
  return { key: keyOf(comparison.pair, row.keyText), columns: [...row.columns], detail: row.detail };
}
