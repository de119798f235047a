import type { ColumnPair } from '../compare/column-pair.ts';
import type { WrongRow } from '../compare/settle.ts';
import type { TablePair } from '../compare/table-pair.ts';
import { asPostgresText, type Event } from '../observe/topic/envelope.ts';
import type { TopicRecord } from '../observe/topic/topic-history.ts';
import type { Attribution } from './attribute.ts';

type Attributed = WrongRow & Attribution;
type Text = string | null | undefined;

/**
 * Judges a row whose last record is in a dead-letter topic. The dead letter accounts for a row that is missing, that
 * should have been deleted, or that an earlier version left as it is. It does not account for a duplicate, nor for values
 * that the row's version never had: such a row is `corrupted`.
 *
 * A row is known to be stale by its version, or by an earlier record with its values. Without a version column, a stale
 * row stays `corrupted` if that earlier record is gone from the topic or is not among those kept of the key.
 * @param records The topic's records of the key.
 */
export function judgeDeadLetterRow(
  pair: TablePair,
  row: Attributed,
  records: readonly TopicRecord[],
  versionColumn: string,
): Attributed & { readonly accounted: boolean } {
  if (row.class === 'duplicate' || row.class === 'corrupted') return { ...row, accounted: false };
  const columns = row.class === 'stale' ? garbledColumns(pair, row, records, versionColumn) : [];
  if (columns.length === 0) return { ...row, accounted: true };
  const detail = 'the topic has other values for the version that the sink shows';
  return { ...row, class: 'corrupted', hop: 'sink', columns, detail, accounted: false };
}

/** Columns whose values no record of the sink's version has; none if there is no such record. */
function garbledColumns(
  pair: TablePair,
  { source, sink, last }: Attributed,
  records: readonly TopicRecord[],
  versionColumn: string,
): readonly string[] {
  const columns = pair.columns.map((column, i) => ({
    column,
    name: column.source.name,
    // If this reader gets the source's value from the last record, it can be trusted with the column's other values.
    isRead: isText(textOf(column, last?.event), withoutZeros(column, source.image?.[i])),
    held: withoutZeros(column, sink.image?.[i]),
  }));
  const version = columns.find(({ name }) => name === versionColumn);
  if (version === undefined) return [];
  const garbled = records
    .filter(({ event }) => isText(textOf(version.column, event), version.held))
    .map(({ event }) =>
      columns
        .map((one) => ({ ...one, text: textOf(one.column, event) }))
        .filter(({ isRead, text, held }) => isRead && text !== undefined && text !== held)
        .map(({ name }) => name),
    );
  return garbled.toSorted((a, b) => a.length - b.length)[0] ?? [];
}

function isText(text: Text, other: Text): boolean {
  return typeof text === 'string' && text === other;
}

/** Undefined if the event lacks the column, or its types differ between the two sides. */
function textOf(column: ColumnPair, event: Event | null | undefined): Text {
  if (event == null || column.types !== 'same') return undefined;
  return withoutZeros(column, asPostgresText(event.after?.[column.source.name], column.source, event));
}

/** Drops trailing zeros: a number that was encoded as a double has lost them. */
function withoutZeros({ source }: ColumnPair, text: Text): Text {
  const isFraction = source.type === 'numeric' && typeof text === 'string' && text.includes('.');
  return isFraction ? text.replace(/\.?0+$/, '') : text;
}
