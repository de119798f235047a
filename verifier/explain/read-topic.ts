import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import type { VerifierConfig } from '../config.ts';
import type { Database } from '../connection/postgres.ts';
import { writtenLsn } from '../connection/written-lsn.ts';
import { NO_LETTERS, readDeadLetters } from '../observe/topic/dead-letters.ts';
import type { KafkaView } from '../observe/topic/kafka-view.ts';
import { HistoryBook, type TopicHistory } from '../observe/topic/topic-history.ts';
import { type RawRecord, readRecords } from '../observe/topic/topic-reader.ts';
import type { RowPlace } from './read-ledger.ts';
import { RecordBook } from './record-book.ts';
import type { LifeRecord, RowLife } from './row-life.ts';

/** What the topic says about a row; see the fields of {@link RowLife}. */
export interface TopicReading extends Pick<RowLife, 'records' | 'truncates' | 'topicGap'> {
  /** Earlier records that `max` left out. */
  readonly leftOut: number;
  /** What could not be seen, one sentence each. */
  readonly unseen: readonly string[];
  /** The same records as a verification reads them, to name the hop; null if the topic was not read. */
  readonly history: TopicHistory | null;
}

interface Options {
  readonly config: VerifierConfig;
  /** Records to keep: the last ones. */
  readonly max: number;
  readonly values: boolean;
  readonly signal: AbortSignal;
}

/** Which records of the topic count. */
interface Bounds {
  readonly source: Database;
  /** Position behind everything that was read of the source: a later record says nothing about what was read. */
  readonly before: Lsn;
  /** Names of the columns that are compared. */
  readonly columns: readonly string[];
}

/**
 * Reads a row's records once, from the first record of its topic to the end.
 * @param kafka Null if none is configured.
 */
export async function readTopic(
  kafka: KafkaView | null,
  topics: readonly string[],
  { table, key }: RowPlace,
  { config, max, values, signal, source, before, columns }: Options & Bounds,
): Promise<TopicReading> {
  if (kafka === null) {
    return unreadTopic('the configuration has no Kafka, so the topic was not read');
  }
  const { firsts, ends } = await kafka.offsets(topics);
  const writtenTo = await writtenLsn(source);
  const { versionColumn } = config;
  const book = new RecordBook({ columns: table.key, key, versionColumn, values, max, before, writtenTo });
  const keyText = keyTextOf({ table, key });
  const sought = { key: table.key, columns, keys: new Map([[keyText, before]]) };
  const history = new HistoryBook(sought, writtenTo);
  const onRecord = (record: RawRecord): void => {
    book.add(record);
    history.add(record);
  };
  const problem = await readRecords(kafka, firsts, ends, onRecord, signal);
  const isCut = [...firsts.values()].some((first) => first > 0n);
  const topicGap =
    problem !== '' ? problem : gapOf({ isAbsent: ends.size === 0, isCut, isBlind: book.isBlind });
  const unseen = topicGap === '' ? [] : [`the topic could not be read completely: ${topicGap}`];
  const letters = await readDeadLetters({ config, signal }, kafka).catch((error: unknown) => {
    unseen.push(`dead letters could not be read: ${messageOf(error)}`);
    return NO_LETTERS;
  });
  const records = book.records.map((record): LifeRecord => {
    const isDeadLetter = letters.has({ ...record, event: null, lsn: null, content: '' });
    return isDeadLetter ? { ...record, deadLetter: true } : record;
  });
  const own = { records, truncates: book.truncates, leftOut: book.leftOut, topicGap, unseen };
  return { ...own, history: history.told(topicGap) };
}

/** The key as the comparison names it. */
export function keyTextOf({ table, key }: RowPlace): string {
  return JSON.stringify(table.key.map(({ name }) => key[name] ?? ''));
}

/** The reading if the topic was not read, for the given reason. */
export function unreadTopic(why: string): TopicReading {
  return { records: null, truncates: [], leftOut: 0, topicGap: 'not read', unseen: [why], history: null };
}

function gapOf(found: { isAbsent: boolean; isCut: boolean; isBlind: boolean }): string {
  if (found.isAbsent) return 'the topic does not exist';
  if (found.isCut) return 'older records are gone from the topic';
  return found.isBlind ? 'a key column has a type that this reader does not know' : '';
}
