import type { CheckContext } from '../check.ts';
import { sharedTopics } from '../observe/pipeline.ts';
import type { Processed } from '../observe/sink/processed.ts';
import { readSinkSums, type SinkSums, type TableSums } from '../observe/sink/sink-sums.ts';
import { type AdditiveColumn, additiveColumns, type SumsView } from '../observe/topic/additive-sums.ts';
import { partsOf } from '../observe/topic/topic-reader.ts';
import type { Content } from './comparison.ts';
import { countOf } from './row-findings.ts';
import type { TopicLogView } from './topic-log-view.ts';

/** A column whose sum in the sink differs from the sum of its events. */
export interface WrongSum {
  readonly table: string;
  readonly column: string;
  /** The sink's sum minus the events' sum, as a decimal; null if the sink's sum is not a number of the column's scale. */
  readonly excess: string | null;
}

/** The sink's sums compared with the events. */
export interface SumComparison {
  readonly wrong: readonly WrongSum[];
  /** Tables of which a column was compared. */
  readonly judged: readonly string[];
  /** Number of columns that were compared. */
  readonly columns: number;
  /** What could not be compared, and why, one sentence each. */
  readonly left: readonly string[];
}

/** The comparison of all tables. */
export interface AllSums extends SumComparison {
  /** Why the sums of a table could not be read, by the table's id. */
  readonly unread: SinkSums['unread'];
}

/** The parts of a check's context that the comparison needs. */
type SumInputs = Pick<CheckContext, 'config' | 'databases' | 'pipeline' | 'evidence'>;

/**
 * Compares what each column of numbers adds up to in the sink with what the events before the sink's offsets make of it.
 * The sum shows a change that took effect twice or not at all, even if every row has its last version. Tables with
 * missing, extra, stale or duplicate rows are left to the checks for those.
 * @returns null if there is nothing to compare: no Kafka, or a sink that keeps no offsets.
 */
export async function compareSums(inputs: SumInputs): Promise<AllSums | null> {
  const log = await inputs.evidence.topicLog();
  if (log === null || log.processed === null) return null;
  if (log.problem !== '') throw new Error(log.problem);
  const first = await look(inputs, log);
  if (first === null || first.wrong.length === 0) return first;
  // An unguarded sink shows older rows while it applies repeated changes, so only what persists is wrong.
  await inputs.pipeline.passFence();
  const second = await look(inputs, log);
  const isLasting = ({ table, column }: WrongSum): boolean =>
    first.wrong.some((was) => was.table === table && was.column === column);
  return second === null ? null : { ...second, wrong: second.wrong.filter(isLasting) };
}

async function look(
  { config, databases, pipeline, evidence }: SumInputs,
  log: TopicLogView,
): Promise<AllSums | null> {
  const catalogues = await evidence.catalogues();
  const columns = additiveColumns(catalogues);
  const topics = await pipeline.topics();
  const shared = sharedTopics(topics);
  const sums = await readSinkSums(await databases.sink(), {
    schema: config.sink.schema,
    topics: [...topics.values()],
    copies: catalogues.copies,
    columns,
  });
  // Read after the snapshot, so that it has everything that the sink had processed in the snapshot.
  const view = await log.again();
  if (sums === null) return null;
  if (view.problem !== '') throw new Error(view.problem);
  const judged: SumComparison[] = [];
  for (const [table, own] of columns) {
    if (sums.unread.has(table)) continue;
    const topic = topics.get(table) ?? '';
    const reason = shared.has(topic)
      ? 'its topic carries other tables too'
      : whyNotJudged(await evidence.content(), table, ofTopic(sums.processed, topic));
    const events = view.sums.get(topic);
    judged.push(
      reason === null ? compareTable(table, own, { sums, topic, events }) : notJudged(`${table}: ${reason}`),
    );
  }
  return {
    wrong: judged.flatMap(({ wrong }) => wrong),
    judged: judged.flatMap((one) => one.judged),
    columns: judged.reduce((sum, { columns: count }) => sum + count, 0),
    left: judged.flatMap(({ left }) => left),
    unread: sums.unread,
  };
}

function notJudged(why: string): SumComparison {
  return { wrong: [], judged: [], columns: 0, left: [why] };
}

function whyNotJudged({ tables }: Content, table: string, processed: readonly Processed[]): string | null {
  const compared = tables.find((own) => own.table.id === table);
  if (compared?.comparison == null) return 'it was not compared';
  const otherwise = (['missing', 'extra', 'stale', 'duplicate'] as const).filter(
    (name) => countOf(compared, name) > 0,
  );
  if (otherwise.length > 0) return `its rows are ${otherwise.join(' and ')}`;
  if (new Set(processed.map(({ connector }) => connector)).size > 1) return 'several connectors write it';
  return processed.some(({ deadLettered }) => deadLettered > 0)
    ? 'some of its events are dead letters'
    : null;
}

function compareTable(
  table: string,
  columns: readonly AdditiveColumn[],
  { sums, topic, events }: { sums: SinkSums; topic: string; events: SumsView | undefined },
): SumComparison {
  const ours = sums.tables.get(table);
  if (ours === undefined) return notJudged(`${table}: its copy keeps no positions`);
  const problem = problemOf(ours, events);
  const theirs = problem === null ? (events?.at(offsetsOf(sums.processed, topic)) ?? null) : null;
  if (theirs === null || events === undefined)
    return notJudged(`${table}: ${problem ?? 'not all of its events were read'}`);
  const wrong: WrongSum[] = [];
  const left: string[] = [];
  let count = 0;
  for (const [i, { name, scale, problem: own }] of events.columns.entries()) {
    const at = columns.findIndex((column) => column.name === name);
    if (own !== null || at < 0) {
      left.push(`${table}.${name}: ${own ?? 'the column is gone'}`);
      continue;
    }
    count++;
    const sum = ours.sums[at] ?? null;
    const excess = sum === null ? null : sum - (theirs[i] ?? 0n);
    if (excess !== 0n)
      wrong.push({ table, column: name, excess: excess === null ? null : decimal(excess, scale) });
  }
  return { wrong, judged: count > 0 ? [table] : [], columns: count, left };
}

function problemOf({ foreignRows }: TableSums, events: SumsView | undefined): string | null {
  if (foreignRows > 0) return `${foreignRows} of its rows were written by no event`;
  return events === undefined ? 'its events were not followed from the first one' : events.problem;
}

function offsetsOf(processed: readonly Processed[], topic: string): ReadonlyMap<string, bigint> {
  return new Map(ofTopic(processed, topic).map(({ partition, nextOffset }) => [partition, nextOffset]));
}

function ofTopic(processed: readonly Processed[], topic: string): readonly Processed[] {
  return processed.filter(({ partition }) => partsOf(partition).topic === topic);
}

function decimal(units: bigint, scale: number): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const at = digits.length - scale;
  const text = scale === 0 ? digits : `${digits.slice(0, at)}.${digits.slice(at)}`;
  return units < 0n ? `-${text}` : text;
}
