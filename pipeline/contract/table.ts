/** What the catalogue says of a column: pgoutput's Relation message has neither nullability nor type names. */
export interface ColumnDescription {
  readonly name: string;
  readonly typeOid: number;
  /** `pg_type.typname` after domains are resolved to their base type: `int4`, `timestamptz`, `_text`, `mood`. */
  readonly typeName: string;
  /** `atttypmod`: -1 where the type takes none. */
  readonly typeModifier: number;
  /** `b` base, `e` enum, `c` composite, `r` range, …: `pg_type.typtype`. */
  readonly typeKind: string;
  /** The element's type where this is an array. */
  readonly elementType: {
    readonly typeOid: number;
    readonly typeName: string;
    readonly typeKind: string;
  } | null;
  /** Labels in order, where the type (or the element's) is an enum. */
  readonly enumLabels: readonly string[] | null;
  readonly notNull: boolean;
  /** The column's DEFAULT where it is a constant, as the text of its value; null where there is none or it is computed. */
  readonly defaultText: string | null;
  /** The DEFAULT as `pg_get_expr` prints it. For a computed one, such as `now()`, Debezium's schema stands in a constant. */
  readonly defaultExpression?: string | null;
  /** 1-based rank in the primary key; 0 where it is no part of it. */
  readonly keyRank: number;
}

export interface TableDescription {
  readonly relationOid: number;
  readonly schema: string;
  readonly table: string;
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index';
  /** In the order of the relation's attributes, dropped and generated columns left out: the order of pgoutput's tuples. */
  readonly columns: readonly ColumnDescription[];
}
