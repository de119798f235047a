const SPECIAL = /[\\"]/;
const SPECIALS = /[\\"]/g;

/** Text form of an array of PostgreSQL: every element quoted, so that none can be taken for syntax or NULL. */
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
