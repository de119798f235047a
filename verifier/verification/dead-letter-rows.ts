import type { ColumnPair } from '../compare/column-pair.ts';
import type { WrongRow } from '../compare/settle.ts';
import type { TablePair } from '../compare/table-pair.ts';
import { asPostgresText, type Event } from '../observe/topic/envelope.ts';
import type { TopicRecord } from '../observe/topic/topic-history.ts';
import type { Attribution } from './attribute.ts';

type Attributed = WrongRow & Attribution;
type Text = string | null | undefined;

/**
 * Judges a row whose last record is in a dead-letter topic. That accounts for a row that is missing, still there, or as
 * an earlier version left it. It accounts neither for a row that is there twice nor for values that its version never
 * had: these are `corrupted`.
 *
 * What is stale is known by its version, or else by an earlier record with its values. Without a version column, where
 * older records are gone from the topic or the key has more of them than are kept, a stale row stays `corrupted`.
 * @param records What the topic holds of the key.
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
  const detail = 'the topic has other values of the version that the sink holds';
  return { ...row, class: 'corrupted', hop: 'sink', columns, detail, accounted: false };
}

/** Columns that no record of the sink's version has so; none where there is no such record. */
function garbledColumns(
  pair: TablePair,
  { source, sink, last }: Attributed,
  records: readonly TopicRecord[],
  versionColumn: string,
): readonly string[] {
  const told = pair.columns.map((column, i) => ({
    column,
    name: column.source.name,
    // A column that this reader reads as the source has it: other values of it can be trusted too.
    isRead: isText(textOf(column, last?.event), plain(column, source.image?.[i])),
    held: plain(column, sink.image?.[i]),
  }));
  const version = told.find(({ name }) => name === versionColumn);
  if (version === undefined) return [];
  const garbled = records
    .filter(({ event }) => isText(textOf(version.column, event), version.held))
    .map(({ event }) =>
      told
        .map((one) => ({ ...one, text: textOf(one.column, event) }))
        .filter(({ isRead, text, held }) => isRead && text !== undefined && text !== held)
        .map(({ name }) => name),
    );
  return garbled.toSorted((a, b) => a.length - b.length)[0] ?? [];
}

function isText(text: Text, other: Text): boolean {
  return typeof text === 'string' && text === other;
}

/** Undefined where it cannot be told: the event lacks the column, or the two sides have it in different types. */
function textOf(column: ColumnPair, event: Event | null | undefined): Text {
  if (event == null || column.types !== 'same') return undefined;
  return plain(column, asPostgresText(event.after?.[column.source.name], column.source, event));
}

/** A number that travelled as a double has no trailing zeros. */
function plain({ source }: ColumnPair, text: Text): Text {
  const isFraction = source.type === 'numeric' && typeof text === 'string' && text.includes('.');
  return isFraction ? text.replace(/\.?0+$/, '') : text;
}
