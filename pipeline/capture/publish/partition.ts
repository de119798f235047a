/**
 * murmur2 as Kafka's Java client computes it (`org.apache.kafka.common.utils.Utils.murmur2`): signed 32 bits.
 * Hot path: plain 32-bit arithmetic. The client library's version uses bigints.
 */
export function murmur2(data: Uint8Array, start = 0, end = data.length): number {
  const m = 0x5bd1e995;
  let h = 0x9747b28c ^ (end - start);
  let i = start;
  for (; i + 4 <= end; i += 4) {
    let k =
      (data[i] as number) |
      ((data[i + 1] as number) << 8) |
      ((data[i + 2] as number) << 16) |
      ((data[i + 3] as number) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const rest = end - i;
  if (rest >= 3) h ^= (data[i + 2] as number) << 16;
  if (rest >= 2) h ^= (data[i + 1] as number) << 8;
  if (rest >= 1) h = Math.imul(h ^ (data[i] as number), m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  h ^= h >>> 15;
  return h | 0;
}

/**
 * The partition that Kafka's Java producer chooses, so that both engines put a key into the same partition.
 *
 * A table without a primary key has no key to spread by. Its rows keep their commit order only in a shared partition,
 * so all of them go to the one that the topic's name hashes to.
 */
export function choosePartition(topic: string, key: Uint8Array | null, partitions: number): number {
  if (partitions === 1) return 0;
  return partitionOfHash(murmur2(key ?? Buffer.from(topic)), partitions);
}

export function partitionOfHash(hash: number, partitions: number): number {
  return (hash & 0x7fffffff) % partitions;
}
