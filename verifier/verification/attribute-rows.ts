import type { Lsn } from '../../pipeline/contract/lsn.ts';
import type { WrongClass, WrongRow } from '../compare/settle.ts';
import type { TableComparison } from '../compare/table-comparison.ts';
import type { VerifierConfig } from '../config.ts';
import { writtenLsn } from '../connection/written-lsn.ts';
import type { Databases } from '../observe/connections.ts';
import { type Pipeline, sharedTopics } from '../observe/pipeline.ts';
import { type DeadLetters, NO_LETTERS, readDeadLetters } from '../observe/topic/dead-letters.ts';
import { readHistories, type Sought, type TopicHistory } from '../observe/topic/topic-history.ts';
import { type Attribution, attribute } from './attribute.ts';
import { judgeDeadLetterRow } from './dead-letter-rows.ts';
import { topicTexts } from './topic-texts.ts';

/** A wrong row with the hop that lost it. */
export interface AttributedRow extends WrongRow, Attribution {
  readonly class: WrongClass;
  /**
   * The record that would correct the row is in a dead-letter topic: it is not lost, but needs an operator. Always
   * false for a row that is corrupted or duplicated, see {@link judgeDeadLetterRow}.
   */
  readonly accounted: boolean;
}

export interface AttributedTable {
  /** The first wrong rows, at most {@link ATTRIBUTED_ROWS}. */
  readonly rows: readonly AttributedRow[];
  /** What the topic says; null if it was not read. */
  readonly history: TopicHistory | null;
}

/** Wrong rows per table whose hop is looked up in the topic. */
const ATTRIBUTED_ROWS = 2_000;

interface AttributionInputs {
  readonly config: VerifierConfig;
  readonly signal: AbortSignal;
  readonly databases: Pick<Databases, 'source'>;
  readonly pipeline: Pick<Pipeline, 'kafka' | 'topics' | 'passFence'>;
}

/**
 * Names the hop that lost each wrong row. The topics of all tables with wrong rows are read together, once.
 * @returns the attributed rows by table.
 */
export async function attributeRows(
  inputs: AttributionInputs,
  compared: readonly TableComparison[],
): Promise<ReadonlyMap<string, AttributedTable>> {
  // Without an answer from Kafka the rows are just as wrong; only the hop is unknown.
  const evidence = await evidenceOf(inputs, compared).catch(() => null);
  const tables = new Map<string, AttributedTable>();
  for (const comparison of compared) {
    tables.set(comparison.table.id, await attributeTable(inputs, comparison, evidence));
  }
  return tables;
}

async function attributeTable(
  { config: { versionColumn }, databases }: AttributionInputs,
  { table, pair, wrong }: TableComparison,
  evidence: TopicEvidence | null,
): Promise<AttributedTable> {
  const history = evidence?.histories.get(table.id) ?? null;
  const listed = wrong.slice(0, ATTRIBUTED_ROWS);
  const records = listed.flatMap(({ keyText }) => history?.records.get(keyText) ?? []);
  const texts = records.length === 0 ? new Map() : await topicTexts(await databases.source(), pair, records);
  const read = { lag: evidence?.lag ?? null, texts };
  const rows = listed.map((row) => {
    const own = { ...row, ...attribute(pair, row, history, read) };
    const isDeadLettered = own.last !== null && evidence?.letters.has(own.last) === true;
    if (!isDeadLettered) return { ...own, accounted: false };
    return judgeDeadLetterRow(pair, own, history?.records.get(row.keyText) ?? [], versionColumn);
  });
  return { rows, history };
}

interface TopicEvidence {
  /** Why the topics may lack what the comparison saw; null if they have it all. */
  readonly lag: string | null;
  /** By the source's table. */
  readonly histories: ReadonlyMap<string, TopicHistory>;
  readonly letters: DeadLetters;
}

/** Null if no topic needs to be read, or there is no Kafka. */
async function evidenceOf(
  { config, signal, databases, pipeline }: AttributionInputs,
  compared: readonly TableComparison[],
): Promise<TopicEvidence | null> {
  const topics = await pipeline.topics();
  const shared = sharedTopics(topics);
  const sought = new Map<string, Sought>();
  const ids = new Map<string, string>();
  for (const { table, pair, wrong } of compared) {
    const topic = topics.get(table.id);
    const wanted = wrong.filter((row) => row.class !== 'duplicate').slice(0, ATTRIBUTED_ROWS);
    const absent = pair.columns.some((column) => column.types === 'absent');
    if (topic === undefined || shared.has(topic) || (wanted.length === 0 && !absent)) continue;
    sought.set(topic, {
      key: pair.key.map(({ source }) => source),
      columns: pair.columns.map(({ source }) => source.name),
      keys: new Map(wanted.map((row) => [row.keyText, row.span?.to ?? null] satisfies [string, Lsn | null])),
    });
    ids.set(topic, table.id);
  }
  const kafka = sought.size === 0 ? null : await pipeline.kafka();
  if (kafka === null) return null;
  const lag = await lagBehind(compared, pipeline);
  const ends = await kafka.offsets([...sought.keys()]);
  const bounds = { ...ends, writtenTo: await writtenLsn(await databases.source()) };
  const found = await readHistories(kafka, sought, bounds, signal);
  const histories = new Map([...found].map(([topic, history]) => [ids.get(topic) ?? topic, history]));
  const letters = await readDeadLetters({ config, signal }, kafka).catch(() => NO_LETTERS);
  return { lag, histories, letters };
}

/**
 * Waits until the topics have what the comparison saw of the source, which is more than what the fence before the
 * comparison waited for.
 */
async function lagBehind(
  compared: readonly TableComparison[],
  { passFence }: AttributionInputs['pipeline'],
): Promise<string | null> {
  const isSpanned = compared.some(({ wrong }) => wrong.some(({ span }) => span !== null));
  if (!isSpanned || (await passFence()) === 'passed') return null;
  return 'the pipeline has not carried everything that the comparison saw';
}
