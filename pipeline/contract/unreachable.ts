/** Properties by which the unions of this project are discriminated. */
const DISCRIMINANTS: ReadonlySet<string> = new Set(['tag', 'kind', 't', 'do', 'mechanism']);

/**
 * Ends a `switch` over a union: TypeScript accepts the call only while every case is handled. The error names the case
 * that came nevertheless, and nothing else of the value, which may hold a row's data or a secret.
 * @param what What the value is, as the error says it: `fate`, `step`.
 */
export function unreachable(value: never, what: string): never {
  throw new Error(`unexpected ${what}: ${caseOf(value)}`);
}

function caseOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const discriminant = Object.entries(value).find(([name]) => DISCRIMINANTS.has(name));
  return String(discriminant?.[1] ?? 'unnamed');
}
