/**
 * Classes of SQLSTATE whose DETAIL is about objects, settings or limits. Others quote rows there: `Key (id)=(1)`, `Failing
 * row contains (…)`, or whatever a trigger writes. Source: manual, appendix A.
 */
const WITHOUT_VALUES = ['0A', '2B', '42', '53', '55'];

/**
 * What PostgreSQL adds to the message of an error, for logs and traces: its hint, and its detail unless that may hold values
 * of a row. Both are sentences.
 */
export function addedByPostgres(error: Error): string[] {
  const { code, detail, hint } = error as Partial<Record<'code' | 'detail' | 'hint', unknown>>;
  const isSafe = WITHOUT_VALUES.includes(String(code).slice(0, 2));
  return [isSafe ? detail : undefined, hint].filter((text) => typeof text === 'string');
}
