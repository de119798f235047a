import type { EncoderConfig } from '../../contract/envelope.ts';
import type { ConnectSchema } from '../connect-schema.ts';
import type { CopyValue } from './fast-path-values.ts';

/** How the values of a column are written: their Connect schema, and PostgreSQL's text → JSON. */
export interface TypeMapping {
  readonly schema: ConnectSchema;
  /** @throws RangeError if the type's Connect form cannot hold the value. */
  readonly encode: (text: string) => string;
  /** The fast path of {@link encode}, from bytes to bytes, for usual values. Undefined: the type has none. */
  readonly copy?: CopyValue;
  /**
   * JSON that Debezium writes for a NOT NULL column whose value was not sent, as in an old row that holds the key
   * only.
   */
  readonly fallback: string;
  /**
   * JSON that replaces an unchanged TOAST value. Null: every value of the type is a possible one, so none is left for
   * it.
   */
  readonly placeholder: string | null;
  /**
   * Labels of the value that the schema does not list: the enum got them, or lost them by a rename, after its labels were
   * read. Undefined: the type is no enum.
   */
  readonly unlisted?: (text: string) => readonly string[];
  /**
   * What {@link encode} leaves out of this value, for the log; undefined if nothing. Undefined: the type's form holds
   * every value, or a warning at the start tells of it.
   */
  readonly lossOf?: (text: string) => string | undefined;
  /** The value as Connect's SimpleHeaderConverter writes it; {@link encode} if undefined. */
  readonly headerEncode?: (text: string) => string;
  /**
   * JSON of the constant that Debezium writes for a computed DEFAULT such as `now()`. Undefined: the type has none.
   */
  readonly computedDefault?: string;
}

/** What a mapping depends on besides the type's name. */
export interface TypeContext {
  readonly config: EncoderConfig;
  /** `atttypmod`; -1 if the column has none. */
  readonly typeModifier: number;
}
