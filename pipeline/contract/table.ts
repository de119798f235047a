/** A column as the catalogue describes it. pgoutput's Relation message has neither nullability nor type names. */
export interface ColumnDescription {
  readonly name: string;
  readonly typeOid: number;
  /** `pg_type.typname`, for a domain that of its base type: `int4`, `timestamptz`, `_text`, `mood`. */
  readonly typeName: string;
  /** `atttypmod`: -1 if the column has none. */
  readonly typeModifier: number;
  /** `pg_type.typtype`: `b` base, `e` enum, `c` composite, `r` range, … */
  readonly typeKind: string;
  /** The element's type if this is an array. */
  readonly elementType: {
    readonly typeOid: number;
    readonly typeName: string;
    readonly typeKind: string;
  } | null;
  /** Labels in their order if the type (or the element's type) is an enum. */
  readonly enumLabels: readonly string[] | null;
  readonly notNull: boolean;
  /** The text of a constant DEFAULT; null if there is no DEFAULT or it is computed. */
  readonly defaultText: string | null;
  /**
   * The DEFAULT as `pg_get_expr` prints it. For a computed one such as `now()` Debezium's schema holds a constant.
   */
  readonly defaultExpression?: string | null;
  /** Rank in the primary key, from 1; 0 if the column is not part of it. */
  readonly keyRank: number;
}

/** A table as the catalogue describes it. */
export interface TableDescription {
  readonly relationOid: number;
  readonly schema: string;
  readonly table: string;
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index';
  /** In the order of pgoutput's tuples: by attribute number, without dropped and generated columns. */
  readonly columns: readonly ColumnDescription[];
}
