import { RecordError } from '../decode/record-error.ts';

/** PostgreSQL silently truncates longer names, which could make two of them equal (NAMEDATALEN - 1). */
const MAX_IDENTIFIER_BYTES = 63;

/**
 * A name of a schema, table or column, quoted for a statement.
 * @throws RecordError if PostgreSQL cannot hold the name.
 */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES) {
    throw new RecordError(`'${name.slice(0, 80)}' cannot be a name in PostgreSQL (1 to 63 bytes, no NUL)`);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string constant for a statement; `E'…'` if it holds a backslash, whatever `standard_conforming_strings` is. */
export function quoteLiteral(text: string): string {
  return text.includes('\\')
    ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
}

const SPECIAL = /[\\"]/;
const SPECIALS = /[\\"]/g;

/** The text form of a PostgreSQL array. Every element is quoted, so none can be read as syntax or as NULL. */
export function arrayLiteral(elements: readonly (string | null)[]): string {
  let out = '{';
  for (let i = 0; i < elements.length; i++) {
    if (i > 0) out += ',';
    const element = elements[i];
    if (element === null || element === undefined) out += 'NULL';
    else if (SPECIAL.test(element)) out += `"${element.replace(SPECIALS, '\\$&')}"`;
    else out += `"${element}"`;
  }
  return `${out}}`;
}
