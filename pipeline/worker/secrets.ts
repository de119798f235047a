import type { ConfigProblem, ConnectorConfig } from '../contract/connector.ts';
import { URL_SECRETS } from '../contract/secrets.ts';

const PLACEHOLDER = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g;
const SECRET_KEY = /password|secret|token|credential|jaas/i;
/** Shorter values are not redacted, because they are often parts of ordinary words. */
const SHORTEST_SECRET = 4;

/**
 * Resolves `${env:NAME}` as Kafka's `EnvVarConfigProvider` does, and redacts resolved secrets in logs and traces.
 * A resolved configuration is given to a connector and to nothing else.
 */
export class Secrets {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #values = new Set<string>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** The configuration with its placeholders resolved, and a problem for each variable that is not set. */
  resolve(config: ConnectorConfig): { config: ConnectorConfig; problems: ConfigProblem[] } {
    const problems: ConfigProblem[] = [];
    const resolved: Record<string, string> = {};
    for (const [key, text] of Object.entries(config)) {
      const value = text.replaceAll(PLACEHOLDER, (placeholder, name: string) => {
        const found = this.#env[name];
        if (found !== undefined) return found;
        problems.push({
          key,
          message: `${key} refers to the environment variable ${name}, which is not set`,
        });
        return placeholder;
      });
      if (SECRET_KEY.test(key)) this.#remember(value);
      for (const pattern of URL_SECRETS) {
        for (const [secret] of value.matchAll(pattern)) {
          this.#remember(secret);
          this.#remember(decoded(secret));
        }
      }
      resolved[key] = value;
    }
    return { config: resolved, problems };
  }

  #remember(secret: string): void {
    if (secret.length >= SHORTEST_SECRET) this.#values.add(secret);
  }

  /** The text with `***` for every secret that was resolved so far, also for a secret in JSON's escaped form. */
  redact(text: string): string {
    let redacted = text;
    for (const value of this.#values) {
      redacted = redacted.replaceAll(value, '***').replaceAll(JSON.stringify(value).slice(1, -1), '***');
    }
    return redacted;
  }
}

/** Decodes part of a URL as pgjdbc does: `+` is a space. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
