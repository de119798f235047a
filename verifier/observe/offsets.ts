/** Offsets by `topic/partition`: the next one to read, or to write. */
export type Offsets = ReadonlyMap<string, bigint>;

/** Number of records between `done` and `ends`. */
export function distance(ends: Offsets, done: Offsets): bigint {
  let behind = 0n;
  for (const [partition, end] of ends) {
    const at = done.get(partition) ?? 0n;
    if (end > at) behind += end - at;
  }
  return behind;
}

/** Sum of all offsets: it grows with every record, in whichever partition. */
export function total(offsets: Offsets): bigint {
  let sum = 0n;
  for (const offset of offsets.values()) sum += offset;
  return sum;
}
