/** A value of an event, never null → the text form that PostgreSQL's input function takes. */
export type Converter = (value: unknown) => string;

/** The type of a column, as the sink's catalogue has it. */
export interface TargetType {
  /** `pg_type.typname`; for an array the element's. */
  readonly typeName: string;
  readonly isArray: boolean;
  /** `atttypmod`; -1 if there is none. */
  readonly typeModifier: number;
}

/** How the source writes its `bytea`: `binary.handling.mode`. */
export type BinaryMode = 'bytes' | 'base64' | 'base64-url-safe' | 'hex';
