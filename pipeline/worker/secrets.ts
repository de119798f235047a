import type { ConfigProblem, ConnectorConfig } from '../contract/connector.ts';

const PLACEHOLDER = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g;
const SECRET_KEY = /password|secret|token|credential|jaas/i;
/** Passwords inside of a URL: in its query, or before its host. */
const URL_SECRETS = [/[?&]password=([^&#]*)/gi, /:\/\/[^/?#@]*?:([^/?#]*)@/g];
/** A shorter value is too likely to be a part of ordinary words. */
const SHORTEST_SECRET = 4;

/**
 * Resolves `${env:NAME}` as Kafka's `EnvVarConfigProvider` does, and keeps what it resolved out of logs and traces.
 * A resolved configuration goes to a connector and nowhere else.
 */
export class Secrets {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #values = new Set<string>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** The configuration with its placeholders filled in, and a problem for each variable that is not set. */
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
      if (SECRET_KEY.test(key)) this.#keep(value);
      for (const pattern of URL_SECRETS) {
        for (const [, secret = ''] of value.matchAll(pattern)) {
          this.#keep(secret);
          this.#keep(decoded(secret));
        }
      }
      resolved[key] = value;
    }
    return { config: resolved, problems };
  }

  #keep(secret: string): void {
    if (secret.length >= SHORTEST_SECRET) this.#values.add(secret);
  }

  /** The text without any secret that was resolved so far, as it stands or as JSON escapes it. */
  redact(text: string): string {
    let redacted = text;
    for (const value of this.#values) {
      redacted = redacted.replaceAll(value, '***').replaceAll(JSON.stringify(value).slice(1, -1), '***');
    }
    return redacted;
  }
}

/** As pgjdbc decodes a URL: `+` is a space. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
