import type { ExternalConfig } from './target-config.ts';

const REFERENCE = /^\$\{(env|file):(.+)\}$/;

/** The effective configuration for people: a secret is masked, and where it comes from is told. */
export function printable(config: ExternalConfig): unknown {
  return JSON.parse(JSON.stringify(config), (_, value: unknown) => {
    const [, kind, name = ''] = typeof value === 'string' ? (REFERENCE.exec(value) ?? []) : [];
    if (kind === 'file') return `*** (the file ${name})`;
    if (kind === undefined) return value;
    return `*** (${name}, which is ${process.env[name] ? 'set' : 'not set'})`;
  });
}
