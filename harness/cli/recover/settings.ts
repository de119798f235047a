import { UsageError } from '../../errors.ts';

/** Words `key=value` as a record. @throws UsageError, with the example, for a word that is none. */
export function settingsIn(words: readonly string[], example: string): Record<string, string> {
  const pairs = words.map((word) => {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (key === undefined || value === undefined) throw new UsageError(`"${word}" is not key=value`, example);
    return [key, value] as const;
  });
  return Object.fromEntries(pairs);
}
