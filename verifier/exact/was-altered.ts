/**
 * SQLSTATEs of statements about a table that no longer is as the catalogue said a moment ago: no such column or table, a
 * type without such an operator or function, another type.
 */
const ALTERED = new Set(['42703', '42P01', '42883', '42804']);

/** Whether a statement failed because a table was altered after it was described: it is worth another attempt. */
export function wasAltered(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return [error, cause].some((one) => one instanceof Error && 'code' in one && ALTERED.has(String(one.code)));
}
