import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { ABSENT, type KeyState } from '../compare/read-keys.ts';
import type { TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import type { TopicHistory } from '../observe/topic/topic-history.ts';
import type { Hop } from '../report.ts';
import { attribute } from '../verification/attribute.ts';
import { topicTexts } from '../verification/topic-texts.ts';
import type { RowReading } from './row-readings.ts';

/** A row that differs, as both sides have it. */
export interface DifferingRow {
  readonly pair: TablePair;
  readonly keyText: string;
  readonly columns: readonly string[];
  /** The reading of the source with which the sink was compared. */
  readonly source: RowReading;
  readonly sink: RowReading;
  /** Positions before the first reading of the source, and behind the last. */
  readonly span: { readonly from: Lsn; readonly to: Lsn };
}

/**
 * Names the hop that made a row differ, as a verification does.
 * @param database The source, which evaluates the rules of the comparison for values of the topic.
 * @param history What the topic says before the span's end.
 */
export async function blame(
  database: Database,
  { pair, keyText, columns, span, ...row }: DifferingRow,
  history: TopicHistory | null,
): Promise<Hop> {
  if (history === null) return 'unknown';
  const [source, sink] = [stateOf(pair, row.source), stateOf(pair, row.sink)];
  const wrong = { keyText, class: 'corrupted', count: 1, columns, source, sink, span } as const;
  const texts = await topicTexts(database, pair, history.records.get(keyText) ?? []);
  return attribute(pair, wrong, history, { texts }).hop;
}

function stateOf(pair: TablePair, { texts }: RowReading): KeyState {
  return { ...ABSENT, rows: 1, image: pair.columns.map(({ source }) => texts[source.name] ?? null) };
}
