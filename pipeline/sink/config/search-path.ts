/** The longest identifier of PostgreSQL, in bytes. */
const MAX_BYTES = 63;
const NAME = /\s*(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*(,|$)/uy;

export type ReadSearchPath =
  | { readonly names: readonly [string, ...string[]]; readonly problem: null }
  /** The rest of a sentence. */
  | { readonly names: null; readonly problem: string };

/**
 * The schemas of a `search_path`: names separated by commas, folded to lower case unless in double quotes, as
 * PostgreSQL's SplitIdentifierString reads them.
 */
export function readSearchPath(text: string): ReadSearchPath {
  const refused = (problem: string): ReadSearchPath => ({ names: null, problem });
  const names: string[] = [];
  NAME.lastIndex = 0;
  for (;;) {
    const match = NAME.exec(text);
    if (match === null) return refused(`is not a list of schemas: '${text}'`);
    const name = match[1]?.replaceAll('""', '"') ?? (match[2] ?? '').toLowerCase();
    if (name === '$user') return refused('names "$user": name the schema itself');
    if (Buffer.byteLength(name) > MAX_BYTES) return refused(`names a schema of more than ${MAX_BYTES} bytes`);
    names.push(name);
    if (match[3] === '') break;
  }
  const [first, ...rest] = names;
  return first === undefined ? refused('is empty') : { names: [first, ...rest], problem: null };
}
