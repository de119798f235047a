import type { KeyState } from '../compare/read-keys.ts';
import type { WrongClass, WrongRow } from '../compare/settle.ts';
import type { TablePair } from '../compare/table-pair.ts';
import { asPostgresText, type Event } from '../observe/topic/envelope.ts';
import type { TopicHistory, TopicRecord } from '../observe/topic/topic-history.ts';
import type { Hop } from '../report.ts';

/** Where a row went wrong, and what shows it. */
export interface Attribution {
  readonly class: WrongClass;
  readonly hop: Hop;
  readonly detail: string;
  /** The last change of the key in the topic; null if it is not known. */
  readonly last: TopicRecord | null;
}

/** Names the hop that lost a row, by comparing the topic's last record of the key with the source. */
export function attribute(pair: TablePair, row: WrongRow, history: TopicHistory | null): Attribution {
  const last = lastChange(history?.records.get(row.keyText) ?? []) ?? null;
  return { ...hopOf(pair, row, history), last };
}

function hopOf(pair: TablePair, row: WrongRow, history: TopicHistory | null): Omit<Attribution, 'last'> {
  if (row.class === 'duplicate') {
    const rows = `the source has ${row.source.rows} rows with this key, the sink has ${row.sink.rows}`;
    return { class: row.class, hop: 'sink', detail: rows };
  }
  if (history === null || pair.key.length === 0) return { class: row.class, hop: 'unknown', detail: '' };
  const records = history.records.get(row.keyText) ?? [];
  const last = lastChange(records);
  const known = history.complete ? '' : ` (${history.reason})`;
  if (row.class === 'extra') return extra(last, history, known);
  if (last === undefined) {
    const hop = history.complete ? 'capture' : 'unknown';
    return { class: row.class, hop, detail: `the topic has no record of this key${known}` };
  }
  const at = `partition ${last.partition}, offset ${last.offset}`;
  const name = refine(pair, row, records);
  if (last.event === null || last.event.op === 'd' || last.event.op === 't') {
    return { class: name, hop: 'capture', detail: `the topic's last record of this key deletes it (${at})` };
  }
  if (isTruncatedAfter(last, history)) {
    return { class: name, hop: 'capture', detail: `the topic truncates the table after this row (${at})` };
  }
  // A column in which both sides agree was not lost, whether or not the event has it.
  const all = row.columns.length === 0 ? [] : pair.columns.map((column) => column.source.name);
  const agreed = all.filter((column) => !row.columns.includes(column));
  if (holds(pair, last.event, row.source, new Set([...history.columns, ...agreed]))) {
    return {
      class: name,
      hop: 'sink',
      detail: `the topic's last record of this key has the source's values (${at})`,
    };
  }
  return {
    class: name,
    hop: 'capture',
    detail: `the topic's last record of this key has other values (${at})`,
  };
}

function extra(
  last: TopicRecord | undefined,
  history: TopicHistory,
  known: string,
): Omit<Attribution, 'last'> {
  if (last === undefined) {
    const hop = history.complete ? 'sink' : 'unknown';
    return { class: 'extra', hop, detail: `the topic has no record of this key${known}` };
  }
  const at = `partition ${last.partition}, offset ${last.offset}`;
  if (isTruncatedAfter(last, history))
    return { class: 'extra', hop: 'sink', detail: `the topic truncates the table after this row (${at})` };
  return last.event === null || last.event.op === 'd'
    ? { class: 'extra', hop: 'sink', detail: `the topic's last record of this key deletes it (${at})` }
    : { class: 'extra', hop: 'capture', detail: `the topic never deletes this key (last record: ${at})` };
}

/** Whether the topic has a TRUNCATE with a newer position than the record's. */
function isTruncatedAfter({ position: own }: TopicRecord, history: TopicHistory): boolean {
  return history.truncates.some(({ position }) => position !== null && own !== null && position > own);
}

/** The last change, by position if the records have one: a repeated record is not newer because it came again. */
function lastChange(records: readonly TopicRecord[]): TopicRecord | undefined {
  const changes = records.filter((record) => record.event !== null);
  const list = changes.length > 0 ? changes : records;
  return list.reduce<TopicRecord | undefined>((latest, record) => {
    const older = latest?.position != null && record.position !== null && record.position < latest.position;
    return older ? latest : record;
  }, undefined);
}

/** A corrupted row is reclassified as stale if it shows an earlier image from the topic. */
function refine(pair: TablePair, row: WrongRow, records: readonly TopicRecord[]): WrongClass {
  if (row.class !== 'corrupted') return row.class;
  const absent = pair.columns.filter((column) => column.types === 'absent').map((c) => c.source.name);
  if (row.columns.every((name) => absent.includes(name))) return 'corrupted';
  const latest = lastChange(records);
  const older = records.filter((record) => record !== latest && record.event !== null);
  const shown = older.some(
    (record) => record.event !== null && record.event.after !== null && holds(pair, record.event, row.sink),
  );
  return shown ? 'stale' : 'corrupted';
}

/**
 * Whether an event carries the values of a row, in all columns whose types this reader knows.
 * @param carried Columns that other events carry. If this event lacks such a column, the column was added later, and the
 * row has the column's DEFAULT, for which there is no event.
 */
function holds(
  pair: TablePair,
  event: Event,
  row: KeyState,
  carried: ReadonlySet<string> = new Set(),
): boolean {
  if (event.after === null || row.image === null) return false;
  const { after } = event;
  const { image } = row;
  return pair.columns.every((column, i) => {
    const name = column.source.name;
    if (!(name in after)) return carried.has(name) || image[i] === null || image[i] === undefined;
    const text = asPostgresText(after[name], column.source, event);
    return text === undefined || text === image[i];
  });
}
