import { UNAVAILABLE_VALUE } from '../../../pipeline/contract/envelope.ts';

const NAME = JSON.stringify(UNAVAILABLE_VALUE);
const BYTES = Buffer.from(UNAVAILABLE_VALUE);

/** The forms that Debezium's placeholder takes in text, bytes (base64, hexadecimal), JSON and hstore. */
const FORMS: ReadonlySet<string> = new Set([
  UNAVAILABLE_VALUE,
  BYTES.toString('base64'),
  BYTES.toString('hex'),
  `{${NAME}:${NAME}}`,
  // Java's `UUID.nameUUIDFromBytes` of the placeholder.
  'b68a35a7-17ad-35b3-af2a-ae46edb4545a',
]);

/**
 * Whether a value has the form of the placeholder for an unchanged TOAST value. It may be the placeholder or a value of the
 * source, so it tells nothing about the row.
 */
export function isPlaceholder(value: unknown): boolean {
  if (typeof value === 'string') return FORMS.has(value);
  if (Array.isArray(value)) return value.length === 1 ? isPlaceholder(value[0]) : isSpelled(value);
  return typeof value === 'object' && value !== null && UNAVAILABLE_VALUE in value;
}

/** Arrays of integers hold the placeholder's bytes. */
function isSpelled(values: readonly unknown[]): boolean {
  return values.length === BYTES.length && values.every((value, i) => value === String(BYTES[i]));
}
