/** Fragments that read one side. */
export interface SideSql {
  /** What stands behind FROM, with an alias. */
  readonly from: string;
  /** 64-bit hash of the key; of the whole row where there is no key. */
  readonly keyHash: string;
  /** 64-bit hash that chooses a row's bucket: of its key, or of the block that the key is in. */
  readonly bucketHash: string;
  /** Null where keys fall into buckets one by one. */
  readonly blocks: Blocks | null;
  /** 64-bit hash of the row: an expression over all of its columns, to be computed once where it is used twice. */
  readonly rowHash: string;
  /** The key as a JSON array of texts: no two keys have the same, whatever they hold. */
  readonly keyText: string;
}

/**
 * Rows whose key is one integer fall into buckets by blocks of 64 neighbouring keys. The rows of a few buckets are then
 * some ranges of the key, which its index finds; by the hash of each key they would be all over the table, and finding
 * them a scan.
 */
export interface Blocks {
  /** SQL: the hash of the number of the block that a row's key is in. */
  readonly hash: string;
  /** The key's column, where an index of this side begins with it. */
  readonly indexed: string | null;
}
