import type { CheckContext } from '../check.ts';
import type { Processed } from '../observe/sink/processed.ts';
import { readSinkSums, type SinkSums, type TableSums } from '../observe/sink/sink-sums.ts';
import type { AdditiveColumn, SumsView } from '../observe/topic/additive-sums.ts';
import { additiveColumns } from '../observe/topic/additive-sums.ts';
import { countOf } from './comparison.ts';

/** A column that adds up to something else in the sink than the events make. */
export interface WrongSum {
  readonly table: string;
  readonly column: string;
  /** Sink less events, as a decimal; null where the sink's sum is no number of the column's scale. */
  readonly excess: string | null;
}

/** The sink's sums held against the events. */
export interface AddedUp {
  readonly wrong: readonly WrongSum[];
  /** Columns that were held against the events. */
  readonly columns: number;
  /** What could not be, and why, one sentence each. */
  readonly left: readonly string[];
}

/**
 * What each column of numbers adds up to in the sink, against what the events before the sink's offsets make of it. A
 * change that took effect twice is in the sum, and so is one that took none, with the rows and their versions right.
 * Tables of which rows are missing, extra, stale or double are left to the checks that say so.
 * @returns null where there is nothing to hold against each other: no Kafka, or a sink that keeps no offsets.
 */
export async function addUpEffects(context: CheckContext): Promise<AddedUp | null> {
  const log = await context.topicLog();
  if (log === null || log.processed === null) return null;
  if (log.problem !== '') throw new Error(log.problem);
  const first = await look(context);
  if (first === null || first.wrong.length === 0) return first;
  // A sink without a guard shows older rows for as long as changes come again.
  await context.passFence();
  const second = await look(context);
  const isLasting = ({ table, column }: WrongSum): boolean =>
    first.wrong.some((was) => was.table === table && was.column === column);
  return second === null ? null : { ...second, wrong: second.wrong.filter(isLasting) };
}

async function look(context: CheckContext): Promise<AddedUp | null> {
  const columns = additiveColumns(await context.catalogues());
  const sums = await readSinkSums(context, columns);
  // Read behind the snapshot: all that the sink had processed in it is there by now.
  const view = await (await context.topicLog())?.again();
  if (sums === null || view === undefined) return null;
  if (view.problem !== '') throw new Error(view.problem);
  const topics = await context.topics();
  const judged: AddedUp[] = [];
  for (const [table, own] of columns) {
    const topic = topics.get(table) ?? '';
    const otherwise = await whyNotJudged(context, table, topic, sums);
    const events = view.sums.get(topic);
    judged.push(otherwise ?? holdAgainst(table, own, { sums, topic, events }));
  }
  return {
    wrong: judged.flatMap(({ wrong }) => wrong),
    columns: judged.reduce((sum, { columns: count }) => sum + count, 0),
    left: judged.flatMap(({ left }) => left),
  };
}

async function whyNotJudged(
  context: CheckContext,
  table: string,
  topic: string,
  { processed }: SinkSums,
): Promise<AddedUp | null> {
  const notJudged = (why: string): AddedUp => ({ wrong: [], columns: 0, left: [`${table}: ${why}`] });
  const { tables } = await context.content();
  const compared = tables.find((own) => own.table.id === table);
  if (compared?.comparison == null) return notJudged('it was not compared');
  const otherwise = (['missing', 'extra', 'stale', 'duplicate'] as const).filter(
    (name) => countOf(compared, name) > 0,
  );
  if (otherwise.length > 0) return notJudged(`its rows are ${otherwise.join(' and ')}`);
  const own = ofTopic(processed, topic);
  if (new Set(own.map(({ connector }) => connector)).size > 1)
    return notJudged('several connectors write it');
  return own.some(({ deadLettered }) => deadLettered > 0)
    ? notJudged('some of its events are set aside')
    : null;
}

function holdAgainst(
  table: string,
  columns: readonly AdditiveColumn[],
  { sums, topic, events }: { sums: SinkSums; topic: string; events: SumsView | undefined },
): AddedUp {
  const ours = sums.tables.get(table);
  if (ours === undefined) return { wrong: [], columns: 0, left: [`${table}: its copy keeps no positions`] };
  const problem = problemOf(ours, events);
  const theirs = problem === null ? (events?.at(offsetsOf(sums.processed, topic)) ?? null) : null;
  if (theirs === null || events === undefined)
    return { wrong: [], columns: 0, left: [`${table}: ${problem ?? 'not all of its events were read'}`] };
  const wrong: WrongSum[] = [];
  const left: string[] = [];
  let count = 0;
  for (const [i, { name, scale, problem: own }] of events.columns.entries()) {
    const at = columns.findIndex((column) => column.name === name);
    if (own !== null || at < 0) {
      left.push(`${table}.${name}: ${own ?? 'it is gone'}`);
      continue;
    }
    count++;
    const sum = ours.sums[at] ?? null;
    const excess = sum === null ? null : sum - (theirs[i] ?? 0n);
    if (excess !== 0n)
      wrong.push({ table, column: name, excess: excess === null ? null : decimal(excess, scale) });
  }
  return { wrong, columns: count, left };
}

function problemOf({ foreignRows }: TableSums, events: SumsView | undefined): string | null {
  if (foreignRows > 0) return `${foreignRows} rows of it were written by no event`;
  return events === undefined ? 'its events were not followed from the first on' : events.problem;
}

function offsetsOf(processed: readonly Processed[], topic: string): ReadonlyMap<string, bigint> {
  return new Map(ofTopic(processed, topic).map(({ partition, nextOffset }) => [partition, nextOffset]));
}

function ofTopic(processed: readonly Processed[], topic: string): readonly Processed[] {
  return processed.filter(({ partition }) => partition.startsWith(`${topic}/`));
}

function decimal(units: bigint, scale: number): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const at = digits.length - scale;
  const text = scale === 0 ? digits : `${digits.slice(0, at)}.${digits.slice(at)}`;
  return units < 0n ? `-${text}` : text;
}
