import { LabError, messageOf } from '../../contract/errors.ts';
import { LEAVE_OUT, START_OVER } from '../../contract/remedies.ts';
import { quoteIdentifier, quoteLiteral, quoteTable, type TableName } from './sql.ts';

/** One column of a row's key. */
export interface KeyValue {
  readonly name: string;
  /** In the encoding of the database. */
  readonly bytes: Buffer;
  /** Undefined if it cannot be sent as UTF-8. */
  readonly text: string | undefined;
}

/** Where a text was found that cannot be sent as UTF-8. */
export interface Place extends TableName {
  readonly column?: string | undefined;
  /** The row's key; undefined if the table has none, or the change does not hold it. */
  readonly key?: readonly KeyValue[] | undefined;
  /**
   * Whether an UPDATE that takes the text for Latin-1 may be printed. `done`: the text is right by now, or the row is gone.
   * `unsuitable`: the database has another encoding, or the row cannot be read.
   */
  readonly update?: 'suitable' | 'done' | 'unsuitable' | undefined;
}

/** The condition that selects the row, for a database with the encoding SQL_ASCII. */
export function conditionOf(key: readonly KeyValue[]): string {
  return key
    .map(({ name, bytes, text }) => {
      const value =
        text === undefined
          ? `convert_from('\\x${bytes.toString('hex')}'::bytea, 'SQL_ASCII')`
          : quoteLiteral(text);
      return `${quoteIdentifier(name)} = ${value}`;
    })
    .join(' AND ');
}

/** LabError CDC-1035, with the remedy for this place. @param isInWal A restart meets the text again. */
export function damagedText(cause: Error, place: Place | undefined, isInWal: boolean): LabError {
  return new LabError('CDC-1035', `${subjectOf(place)} has a text that is not UTF-8: ${messageOf(cause)}.`, {
    cause,
    remedy: remedyFor(place, isInWal),
  });
}

function subjectOf(place: Place | undefined): string {
  if (place === undefined) return 'The source';
  const table = `${place.schema}.${place.table}`;
  if (place.column === undefined) return table;
  const key = place.key?.map(({ name, bytes, text }) => [name, text ?? bytes.toString()] as const);
  const row = key === undefined ? '' : ` (row ${JSON.stringify(Object.fromEntries(key))})`;
  return `Column ${place.column} of ${table}${row}`;
}

function remedyFor(place: Place | undefined, isInWal: boolean): string {
  if (place?.update === 'done') {
    return isInWal
      ? `The row is correct or gone by now, but the WAL keeps the change: ${START_OVER}.`
      : 'The row is correct or gone by now: restart the task.';
  }
  const again = isInWal ? ` The WAL keeps the change, too: ${START_OVER}.` : ' Then restart the task.';
  if (place?.column === undefined || place.update !== 'suitable') {
    return `Correct the value at the source, or ${LEAVE_OUT}.${again}`;
  }
  const column = quoteIdentifier(place.column);
  const condition = place.key === undefined ? '…' : conditionOf(place.key);
  return (
    `Correct it at the source. If it is Latin-1: UPDATE ${quoteTable(place)} SET ${column} = convert_from(convert(` +
    `convert_to(${column}, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'SQL_ASCII') WHERE ${condition}.${again}`
  );
}
