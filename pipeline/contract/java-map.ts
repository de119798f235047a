/**
 * Entries in the order in which Java's `HashMap` goes through keys of text: by bucket, and within one in the order of
 * arrival. Debezium writes some maps so, and a value that is compared as text must be the same.
 * Source: documentation of `java.util.HashMap` and `java.lang.String.hashCode`; 16 buckets at first, load factor 0.75.
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
