/** The two parts of a table's name, as the catalogue has them. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** A double quote inside a quoted identifier is doubled. */
const IDENTIFIER = '"(?:[^"]|"")+"|[^."]+';

/** `schema.table`, with an identifier in double quotes if it contains a dot or a double quote. */
export const QUALIFIED_NAME = new RegExp(`^(?:${IDENTIFIER})\\.(?:${IDENTIFIER})$`);

/**
 * The id of a table, by which everything in the verifier and its reports identifies it: `public.orders`, `"a.b".c`. No two
 * tables have the same one. Identifiers are quoted as PostgreSQL's `quote_ident` does, except that keywords are not: the
 * list of keywords differs between versions, and the id must not.
 */
export function tableId({ schema, name }: TableName): string {
  return `${quotedWhereNeeded(schema)}.${quotedWhereNeeded(name)}`;
}

/** {@link tableId} from two columns of a catalogue, which are never NULL. */
export function idOfRow(schema: string | null | undefined, name: string | null | undefined): string {
  return tableId({ schema: schema ?? '', name: name ?? '' });
}

function quotedWhereNeeded(identifier: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(identifier) ? identifier : `"${identifier.replaceAll('"', '""')}"`;
}

/**
 * The identifiers of a dotted name that a person wrote: `schema.table`, `schema.table.column`. Any identifier may be
 * quoted; one that is not keeps its case. Undefined if it is no such name.
 */
export function identifiersOf(text: string): readonly string[] | undefined {
  const parts = splitUnquoted(text.trim(), '.');
  if (!parts.every((part) => new RegExp(`^(?:${IDENTIFIER})$`).test(part))) return undefined;
  return parts.map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part));
}

/** Parses `schema.table`, or a `table` in the given schema. Undefined if the text is not a table's name. */
export function parseTable(text: string, defaultSchema = 'public'): TableName | undefined {
  const [first, second, ...rest] = identifiersOf(text) ?? [];
  if (first === undefined || rest.length > 0) return undefined;
  return second === undefined ? { schema: defaultSchema, name: first } : { schema: first, name: second };
}

/** Splits a text at each separator that is not inside double quotes. */
export function splitUnquoted(text: string, separator: ',' | '=' | '.'): string[] {
  const parts = [''];
  let isQuoted = false;
  for (const char of text) {
    if (char === '"') isQuoted = !isQuoted;
    if (char === separator && !isQuoted) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}
