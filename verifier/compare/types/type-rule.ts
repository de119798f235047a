import type { Column } from '../../observe/source/catalogue.ts';

/** SQL that turns a column into a text, which is NULL for NULL. `at` is the quoted column, or any other expression. */
export type ToText = (at: string, column: Column) => string;

/** The SQL by which the values of a column and of its copy are made comparable: equal values have equal texts. */
export interface TypeRule {
  /** When two values count as equal, in words that follow "equal if". */
  readonly says: string;
  readonly source: ToText;
  readonly sink: ToText;
  /** A cast of the text to the column's type gives the value back, on both sides: an index can then look up a key. */
  readonly castable: boolean;
}

/** What a pair of types allows. `docs/type-pairs.md` lists all pairs. */
export type Decision =
  /** The same type: values are compared as they are. */
  | { readonly tag: 'same' }
  /** The same type with another length or precision: values are compared as they are. */
  | { readonly tag: 'lossless' | 'lossy'; readonly rule: null }
  /**
   * Another type, and the rule that makes the values comparable. Lossless: it holds every value. Lossy: it may not hold
   * every value. A value that lost something then has another text than its original.
   */
  | { readonly tag: 'lossless' | 'lossy'; readonly rule: TypeRule }
  /** No rule makes the values comparable. */
  | { readonly tag: 'incomparable'; readonly reason: string };
