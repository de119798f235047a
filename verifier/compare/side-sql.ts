/** SQL fragments that read one side of a table pair. */
export interface SideSql {
  /** Goes after FROM; includes an alias. */
  readonly from: string;
  /** 64-bit hash of the key; of the whole row if there is no key. */
  readonly keyHash: string;
  /** 64-bit hash that chooses a row's bucket: of its key, or of the block that contains the key. */
  readonly bucketHash: string;
  /** Null if each key chooses its bucket independently. */
  readonly blocks: Blocks | null;
  /** 64-bit hash of the row. It is an expression over all columns: use it once per query, in a subquery if needed. */
  readonly rowHash: string;
  /** The key as a JSON array of texts, which is unique per key: a separator inside a value is quoted. */
  readonly keyText: string;
}

/**
 * Rows whose key is a single integer are assigned to buckets in blocks of 64 neighbouring keys. The rows of a few buckets
 * then lie in a few ranges of the key, which its index finds. If each key chose its bucket by its own hash, these rows
 * would be scattered over the whole table, and reading them would take a scan.
 */
export interface Blocks {
  /** SQL: the hash of the number of the block that contains a row's key. */
  readonly hash: string;
  /** The key's column if this side has an index that begins with it, else null. */
  readonly indexed: string | null;
}
