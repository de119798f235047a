import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { ABSENT, type KeyState } from '../compare/read-keys.ts';
import { pairTables, type TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import { writtenLsn } from '../connection/written-lsn.ts';
import type { Table } from '../observe/source/catalogue.ts';
import type { KafkaView } from '../observe/topic/kafka-view.ts';
import { readHistories } from '../observe/topic/topic-history.ts';
import type { Hop } from '../report.ts';
import { attribute } from '../verification/attribute.ts';
import type { RowReading } from './row-readings.ts';

/** A row that differs, as both sides have it. */
export interface DifferingRow {
  readonly tables: { readonly source: Table; readonly sink: Table | undefined };
  readonly key: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  /** The reading of the source with which the sink was compared. */
  readonly source: RowReading;
  readonly sink: RowReading;
  /** Positions before the first reading of the source, and behind the last. */
  readonly span: { readonly from: Lsn; readonly to: Lsn };
}

/** Names the hop that made a row differ, as a verification does. Reads the topic, up to the end of the row's span. */
export async function blame(
  { source, kafka }: { readonly source: Database; readonly kafka: KafkaView },
  topic: string,
  row: DifferingRow,
  signal: AbortSignal,
): Promise<Hop> {
  const pair = pairTables(row.tables.source, row.tables.sink);
  const keyText = JSON.stringify(pair.key.map(({ source }) => row.key[source.name] ?? ''));
  const sought = {
    key: pair.key.map(({ source }) => source),
    columns: pair.columns.map(({ source }) => source.name),
    keys: new Map([[keyText, row.span.to]]),
  };
  const ends = await kafka.offsets([topic]);
  const bounds = { ...ends, writtenTo: await writtenLsn(source) };
  const histories = await readHistories(kafka, new Map([[topic, sought]]), bounds, signal);
  const states = { source: stateOf(pair, row.source), sink: stateOf(pair, row.sink) };
  const { columns, span } = row;
  const wrong = { keyText, class: 'corrupted', count: 1, columns, ...states, span } as const;
  return attribute(pair, wrong, histories.get(topic) ?? null).hop;
}

function stateOf(pair: TablePair, { texts }: RowReading): KeyState {
  return { ...ABSENT, rows: 1, image: pair.columns.map(({ source }) => texts[source.name] ?? null) };
}
