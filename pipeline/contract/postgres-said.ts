import { messageOf } from './errors.ts';

/**
 * Classes of SQLSTATE whose DETAIL is about objects, settings or limits. Others quote rows there: `Key (id)=(1)`, `Failing
 * row contains (…)`, or whatever a trigger writes. Source: manual, appendix A.
 */
const WITHOUT_VALUES = ['0A', '2B', '42', '53', '55'];

/**
 * PostgreSQL's message without values of a row. Errors about data (class 22) quote the value that they refuse: `invalid input
 * syntax for type integer: "…"`.
 */
export function messageWithoutValues(error: Error): string {
  const { code } = error as { code?: unknown };
  return isAboutData(code) ? withoutQuoted(error.message) : messageOf(error);
}

/** Whether a SQLSTATE says that a value was refused. Node's own codes are longer, or begin with E. */
export const isAboutData = (code: unknown): boolean => /^22[0-9A-Z]{3}$/.test(String(code));

/** The value itself may contain quotes, so everything between the first one and the last one goes. */
export const withoutQuoted = (text: string): string => text.replace(/".*"/s, '"…"');

/**
 * What PostgreSQL adds to the message of an error, for logs and traces: its hint, and its detail unless that may hold values
 * of a row. Both are sentences.
 */
export function addedByPostgres(error: Error): string[] {
  const { code, detail, hint } = error as Partial<Record<'code' | 'detail' | 'hint', unknown>>;
  const isSafe = WITHOUT_VALUES.includes(String(code).slice(0, 2));
  return [isSafe ? detail : undefined, hint].filter((text) => typeof text === 'string');
}
