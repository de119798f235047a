import type { ConnectSchema } from './connect-schema.ts';
import type { CopyValue } from './copy-values.ts';

/** What becomes of a column's values: its Connect schema, and text of PostgreSQL → JSON text. */
export interface TypeMapping {
  readonly schema: ConnectSchema;
  /** @throws RangeError where the type's Connect form cannot hold the value. */
  readonly encode: (text: string) => string;
  /** The same from bytes to bytes for the usual value; undefined: there is no faster way. */
  readonly copy?: CopyValue;
  /** JSON of what Debezium writes for a NOT NULL column whose value it does not have: an old row's, by key. */
  readonly fallback: string;
  /** JSON that stands for an unchanged TOAST value; null where the type has no value to spare for it. */
  readonly placeholder: string | null;
  /** JSON for Connect's SimpleHeaderConverter, where that writes the value otherwise. */
  readonly headerEncode?: (text: string) => string;
  /** The JSON of a computed DEFAULT (`now()`), which Debezium stands a constant in for; null where it has none. */
  readonly computedDefault?: string;
}
