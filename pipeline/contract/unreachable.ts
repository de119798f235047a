/** Names of the properties that discriminate this project's unions. */
const DISCRIMINANTS: ReadonlySet<string> = new Set(['tag', 'kind', 't', 'do', 'mechanism']);

/**
 * Ends a `switch` over a union: TypeScript accepts the call only while every case is handled. If another value comes
 * nevertheless, the error names its case and nothing else of it, because it may hold a row's data or a secret.
 * @param what What the value is, for the error's text: `fate`, `step`.
 */
export function unreachable(value: never, what: string): never {
  throw new Error(`unexpected ${what}: ${caseOf(value)}`);
}

function caseOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const discriminant = Object.entries(value).find(([name]) => DISCRIMINANTS.has(name));
  return String(discriminant?.[1] ?? 'unnamed');
}
