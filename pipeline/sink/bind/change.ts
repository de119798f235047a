import { createHash } from 'node:crypto';

/** One change of a sink table: an event with its values as text, in the order of the table's columns. */
export interface Change {
  readonly kind: 'upsert' | 'delete' | 'tombstone' | 'truncate';
  /** {@link keyText} of the key values. */
  readonly key: string;
  /** Values of the key columns, in the order of the key binding. */
  readonly keyValues: readonly string[];
  /** Null only for a tombstone without a position header. */
  readonly position: string | null;
  readonly fromSnapshot: boolean;
  /** Undefined: not sent (an unchanged TOAST value, or a column that the event does not have). */
  readonly values: readonly (string | null | undefined)[];
  /** True if an unchanged TOAST value is missing: the row must exist already. */
  readonly isPartial: boolean;
  readonly op: string;
  readonly lsn: string | null;
  readonly sourceTsUs: number | null;
  readonly capturedUs: number | null;
  /** Index of the record in the batch. */
  readonly index: number;
  /** {@link shapeOf} the values: changes of one shape share a statement. */
  readonly shape: string;
}

/** The value fields of a change that has no row. */
export const NO_VALUES = { values: [], isPartial: false, shape: '' } as const;

/** `+` for each column that has a value, `-` for each that was not sent. */
export function shapeOf(values: readonly unknown[]): string {
  let shape = '';
  for (const value of values) shape += value === undefined ? '-' : '+';
  return shape;
}

/** An index entry of PostgreSQL holds 2,704 bytes; a character takes up to 4. */
const MAX_KEY_CHARACTERS = 600;

/**
 * One text for one key. Several columns become a JSON array, so that ('a,b', 'c') and ('a', 'b,c') differ; a text that is
 * too long for an index entry becomes its hash.
 */
export function keyText(values: readonly string[]): string {
  const [first, second] = values;
  const text = first !== undefined && second === undefined ? first : JSON.stringify(values);
  if (text.length <= MAX_KEY_CHARACTERS) return text;
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
