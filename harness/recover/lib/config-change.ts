import { URL_SECRETS } from '../../../pipeline/contract/secrets.ts';

type Config = Readonly<Record<string, string>>;

/** Keys of a connector to be set or removed. */
export interface Wanted {
  readonly set: Config;
  readonly remove: readonly string[];
}

/** A key whose value changes. */
export interface ConfigChange {
  readonly key: string;
  /** Null: the key was not there. */
  readonly from: string | null;
  /** `upsert, formerly insert`. */
  readonly shown: string;
  /** The former value is a secret or holds one, and cannot be printed. */
  readonly isSecret: boolean;
}

/** What is printed and stored in place of a secret. */
export const MASK = '********';
const SECRET = /password|secret|credential|token|jaas|passphrase|(private|keystore|api)\.key|basic\.auth/i;
const PLACEHOLDER = /^\$\{[^}]+\}$/;

/** The configuration with what is wanted. */
export function changedConfig(before: Config, { set, remove }: Wanted): Record<string, string> {
  const kept = Object.entries(before).filter(([key]) => !remove.includes(key));
  return { ...Object.fromEntries(kept), ...set };
}

/** What differs afterwards, by key. */
export function changesOf(before: Config, wanted: Wanted): ConfigChange[] {
  const after = changedConfig(before, wanted);
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys
    .filter((key) => before[key] !== after[key])
    .map((key) => {
      const [from = null, to = null] = [before[key], after[key]];
      const formerly = from === null ? 'not set before' : `formerly ${shown(key, from)}`;
      const now = to === null ? 'removed' : shown(key, to);
      return {
        key,
        from,
        shown: `${now}, ${formerly}`,
        isSecret: from !== null && shown(key, from) !== from,
      };
    });
}

/** The configuration without secrets; a placeholder for one is none. */
export function maskedConfig(config: Config): Record<string, string> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, shown(key, value)]));
}

/** The key's value, with {@link MASK} in place of a secret: of the whole value, or of the password in a URL. */
export function shown(key: string, value: string): string {
  const mask = (secret: string): string => (secret === '' || PLACEHOLDER.test(secret) ? secret : MASK);
  if (SECRET.test(key)) return mask(value);
  return URL_SECRETS.reduce((text, pattern) => text.replaceAll(pattern, mask), value);
}

/** A text about the configuration, such as a worker's objections, without its secrets. */
export function withoutSecrets(text: string, config: Config): string {
  const masked = Object.entries(config).reduce((rest, [key, value]) => {
    const safe = shown(key, value);
    return safe === value ? rest : rest.replaceAll(value, safe);
  }, text);
  return URL_SECRETS.reduce((rest, pattern) => rest.replaceAll(pattern, MASK), masked);
}
