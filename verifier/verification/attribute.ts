import type { ColumnPair } from '../compare/column-pair.ts';
import type { KeyState } from '../compare/read-keys.ts';
import type { WrongClass, WrongRow } from '../compare/settle.ts';
import type { TablePair } from '../compare/table-pair.ts';
import { asPostgresText } from '../observe/topic/envelope.ts';
import type { TopicHistory, TopicRecord } from '../observe/topic/topic-history.ts';
import type { Hop } from '../report.ts';
import { type Candidates, candidatesOf } from './candidates.ts';
import type { TopicTexts } from './topic-texts.ts';

/** Where a row went wrong, and what shows it. */
export interface Attribution {
  readonly class: WrongClass;
  readonly hop: Hop;
  readonly detail: string;
  /** The last change of the key that the sink must have applied; null if it is not known. */
  readonly last: TopicRecord | null;
}

type Judgement = Omit<Attribution, 'last'>;

/** The pair, and the texts of the topic's values. */
type ReadPair = TablePair & { readonly texts: TopicTexts };

/**
 * Names the hop that lost a row. If the sink shows what the topic said at the time of the comparison, the topic is wrong,
 * and so the capture is to blame. If the topic had the source's values, the sink lost them.
 * @param lag Why the topic may lack what the comparison saw; null if it does not.
 * @param texts Texts of the topic's values in columns that are compared by a rule; without them, these are left out.
 */
export function attribute(
  compared: TablePair,
  row: WrongRow,
  history: TopicHistory | null,
  { lag = null, texts = new Map() }: { readonly lag?: string | null; readonly texts?: TopicTexts } = {},
): Attribution {
  const pair = { ...compared, texts };
  const candidates = candidatesOf(history?.records.get(row.keyText) ?? [], row.span);
  const last = candidates.applied ?? candidates.last ?? null;
  const found = { ...hopOf(pair, row, history, candidates), last };
  if (found.hop !== 'capture' || lag === null) return found;
  return { ...found, hop: 'unknown', detail: `${found.detail}, but ${lag}` };
}

function hopOf(
  pair: ReadPair,
  row: WrongRow,
  history: TopicHistory | null,
  candidates: Candidates,
): Judgement {
  if (row.class === 'duplicate') {
    const rows = `the source has ${row.source.rows} rows with this key, the sink has ${row.sink.rows}`;
    return { class: row.class, hop: 'sink', detail: rows };
  }
  if (history === null || pair.key.length === 0) return { class: row.class, hop: 'unknown', detail: '' };
  const { last, applied } = candidates;
  const isAbsent = last === undefined || (row.class === 'missing' && applied === undefined);
  if (isAbsent) {
    const known = history.complete ? '' : ` (${history.reason})`;
    const hop = !history.complete ? 'unknown' : row.class === 'extra' ? 'sink' : 'capture';
    return { class: row.class, hop, detail: `the topic has no record of this key${known}` };
  }
  if (row.class === 'extra') return extra(row, candidates, history);
  const name = refine(pair, row, history.records.get(row.keyText) ?? [], candidates);
  return { class: name, ...lostBy(pair, row, history, { ...candidates, last }) };
}

/** Who lost the values of a row that the source has. */
function lostBy(
  pair: ReadPair,
  row: WrongRow,
  history: TopicHistory,
  { last, shown, carried }: Candidates & { readonly last: TopicRecord },
): Pick<Judgement, 'hop' | 'detail'> {
  const deletes = shown.filter(isDelete);
  const isGone = row.class === 'missing' ? deletes.length > 0 : deletes.length === shown.length;
  if (isGone) {
    const at = placeOf(deletes.at(-1) ?? last);
    return { hop: 'capture', detail: `the topic's last record of this key deletes it (${at})` };
  }
  if (isTruncatedAfter(last, row, history)) {
    return { hop: 'capture', detail: `the topic truncates the table after this row (${placeOf(last)})` };
  }
  // A column in which both sides agree was not lost, whether or not the event has it.
  const all = row.columns.length === 0 ? [] : pair.columns.map((column) => column.source.name);
  const agreed = all.filter((column) => !row.columns.includes(column));
  const optional = new Set([...history.columns, ...agreed]);
  const faithful = shown.findLast((record) => isShown(pair, record, row));
  const right = carried.findLast((record) => holds(pair, record, row.source, optional));
  if (faithful === undefined && right !== undefined) {
    const which = right === last ? "the topic's last record" : 'a record';
    return { hop: 'sink', detail: `${which} of this key has the source's values (${placeOf(right)})` };
  }
  const at = placeOf(faithful ?? last);
  return { hop: 'capture', detail: `the topic's last record of this key has other values (${at})` };
}

function extra(row: WrongRow, { last, shown }: Candidates, history: TopicHistory): Judgement {
  const live = shown.findLast((record) => !isDelete(record) && !isTruncatedAfter(record, row, history));
  if (live !== undefined) {
    const detail = `the topic never deletes this key (last record: ${placeOf(live)})`;
    return { class: 'extra', hop: 'capture', detail };
  }
  const at = last === undefined ? '' : ` (${placeOf(last)})`;
  const how =
    last !== undefined && isDelete(last)
      ? "the topic's last record of this key deletes it"
      : 'the topic truncates the table after this row';
  return { class: 'extra', hop: 'sink', detail: `${how}${at}` };
}

function placeOf({ partition, offset }: TopicRecord): string {
  return `partition ${partition}, offset ${offset}`;
}

function isDelete({ event }: TopicRecord): boolean {
  return event === null || event.op === 'd' || event.op === 't';
}

/**
 * Whether the topic has a TRUNCATE with a newer position than the record's, before the end of the row's span. When it was
 * written is told by the event itself: its position may be what the capture got wrong.
 */
function isTruncatedAfter(
  { position: own }: TopicRecord,
  { span }: WrongRow,
  history: TopicHistory,
): boolean {
  return history.truncates.some(({ event, position, lsn: committed }) => {
    const lsn = event?.lsn ?? committed;
    const isTooLate = span !== null && lsn !== null && lsn >= span.to;
    return !isTooLate && position !== null && own !== null && position > own;
  });
}

/** A corrupted row is reclassified as stale if it shows an earlier image from the topic. */
function refine(
  pair: ReadPair,
  row: WrongRow,
  records: readonly TopicRecord[],
  { shown }: Candidates,
): WrongClass {
  if (row.class !== 'corrupted') return row.class;
  const absent = pair.columns.filter((column) => column.types === 'absent').map((c) => c.source.name);
  if (row.columns.every((name) => absent.includes(name))) return 'corrupted';
  const older = records.filter((record) => !shown.includes(record));
  return older.some((record) => isShown(pair, record, row)) ? 'stale' : 'corrupted';
}

/** Whether the sink shows the record's values, also in a column in which it differs from the source. */
function isShown(pair: ReadPair, record: TopicRecord, { columns, sink }: WrongRow): boolean {
  if (!holds(pair, record, sink)) return false;
  return pair.columns.some(
    (column) => columns.includes(column.source.name) && textIn(pair, record, column) !== undefined,
  );
}

/** The text of the record's value as the comparison has it; undefined if it is not known. */
function textIn(
  { texts }: ReadPair,
  record: TopicRecord,
  { source, asPrinted }: ColumnPair,
): string | null | undefined {
  const ruled = texts.get(record)?.get(source.name);
  if (ruled !== undefined || !asPrinted || record.event === null) return ruled;
  return asPostgresText(record.event.after?.[source.name], source, record.event);
}

/**
 * Whether a record carries the values of a row, in all columns whose values are known.
 * @param carried Columns that other events carry. If this event lacks such a column, the column was added later, and the
 * row has the column's DEFAULT, for which there is no event.
 */
function holds(
  pair: ReadPair,
  record: TopicRecord,
  row: KeyState,
  carried: ReadonlySet<string> = new Set(),
): boolean {
  const after = record.event?.after ?? null;
  const { image } = row;
  if (after === null || image === null) return false;
  return pair.columns.every((column, i) => {
    const name = column.source.name;
    if (!(name in after)) return carried.has(name) || image[i] === null || image[i] === undefined;
    const text = textIn(pair, record, column);
    return text === undefined || text === image[i];
  });
}
