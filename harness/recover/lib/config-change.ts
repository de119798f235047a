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
  readonly isSecret: boolean;
}

const MASK = '********';
const SECRET = /password|secret|credential|token|jaas|passphrase|private\.key|basic\.auth/i;

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
      return { key, from, shown: `${now}, ${formerly}`, isSecret: isSecret(key, from ?? '') };
    });
}

/** The configuration without secrets; a placeholder for one is none. */
export function maskedConfig(config: Config): Record<string, string> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, shown(key, value)]));
}

function shown(key: string, value: string): string {
  return isSecret(key, value) ? MASK : value;
}

function isSecret(key: string, value: string): boolean {
  return SECRET.test(key) && !/^\$\{[^}]+\}$/.test(value) && value !== '';
}
