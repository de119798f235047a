/**
 * Entries in the iteration order of a Java `HashMap` with these keys: by bucket, and in a bucket by insertion.
 * Debezium writes some maps in this order, and consumers compare them as text. Source: documentation of
 * `java.util.HashMap` (16 buckets at first, load factor 0.75) and `java.lang.String.hashCode`.
 */
export function inJavaMapOrder<T>(entries: readonly (readonly [string, T])[]): (readonly [string, T])[] {
  let buckets = 16;
  while (entries.length > buckets * 0.75) buckets *= 2;
  const bucketOf = ([key]: readonly [string, T]): number => {
    const hash = hashCode(key);
    return (hash ^ (hash >>> 16)) & (buckets - 1);
  };
  return [...entries].sort((a, b) => bucketOf(a) - bucketOf(b));
}

function hashCode(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0;
  return hash;
}
