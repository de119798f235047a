import { LabError } from '../../pipeline/contract/errors.ts';
import { didYouMean } from '../../pipeline/contract/nearest.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { identifiersOf, parseTable, tableId } from '../table-id.ts';

/** The caller named a table or key that does not exist. */
export class NoSuchRowError extends LabError {
  constructor(message: string, remedy: string) {
    super('CDC-4070', message, { remedy });
    this.name = 'NoSuchRowError';
  }
}

/**
 * Finds a table by name, quoted as PostgreSQL does: `public.customers`, or `customers` if only one schema has it.
 * @throws NoSuchRowError naming the nearest.
 */
export function tableNamed(name: string, tables: ReadonlyMap<string, Table>): Table {
  const parts = identifiersOf(name) ?? [];
  const full = parts.length === 2 ? parseTable(name) : undefined;
  const exact = full === undefined ? undefined : tables.get(tableId(full));
  if (exact !== undefined) return exact;
  const all = [...tables.values()];
  const [first, ...others] = parts.length === 1 ? all.filter((table) => table.name === parts[0]) : [];
  if (first !== undefined && others.length === 0) return first;
  const known = all.map((table) => table.id).join(', ');
  if (first !== undefined) {
    throw new NoSuchRowError(`Several schemas have a table "${name}".`, `Name it in full: ${known}.`);
  }
  const names = all.flatMap((table) => [table.name, table.id]);
  throw new NoSuchRowError(`There is no table "${name}".${didYouMean(name, names)}`, `Known: ${known}.`);
}

/**
 * Parses a key as given on the command line: the value of a single-column key, or `a=1,b=x`. A column's name may be in
 * double quotes, and must be where it contains `,`, `=` or a quote. A comma or backslash inside a value is escaped by a
 * backslash.
 * @returns the text of each primary key column.
 * @throws NoSuchRowError for a column that is not part of the key, or one that is absent or given twice.
 */
export function parseKey(text: string, table: Table): Readonly<Record<string, string>> {
  const names = table.key.map(({ name }) => name);
  const [only, ...more] = names;
  if (only === undefined) {
    throw new NoSuchRowError(`${table.id} has no primary key.`, 'Its rows cannot be identified.');
  }
  const asked = `Give ${names.map((name) => `${writtenName(name)}=…`).join(',')}.`;
  if (more.length === 0) {
    const named = namedValue(text, table);
    if (named === undefined) return { [only]: text };
    if (named.name === only) return { [only]: named.value };
    throw new NoSuchRowError(`"${named.name}" is not the key column of ${table.id}.`, asked);
  }
  const key: Record<string, string> = {};
  for (const part of partsOf(text)) {
    const { name, value } = part;
    if (name === undefined || !names.includes(name)) {
      const said = name ?? value;
      throw new NoSuchRowError(
        `"${said}" is not a key column of ${table.id}.${didYouMean(said, names)}`,
        asked,
      );
    }
    if (name in key) throw new NoSuchRowError(`The key column ${name} is given twice.`, asked);
    key[name] = value;
  }
  const absent = names.filter((name) => !(name in key));
  if (absent.length === 0) return key;
  throw new NoSuchRowError(`The key of ${table.id} lacks ${absent.join(', ')}.`, asked);
}

/** The key as an argument that {@link parseKey} reads back, whatever is in its names and values. */
export function keyArgument(key: readonly (readonly [name: string, value: string])[]): string {
  const [only, ...more] = key;
  // The value of a single column goes to the end of the argument.
  if (only !== undefined && more.length === 0) return `${writtenName(only[0])}=${only[1]}`;
  return key.map(([name, value]) => `${writtenName(name)}=${value.replaceAll(/[,\\]/g, '\\$&')}`).join(',');
}

interface Part {
  /** Undefined if there is no `=`. */
  readonly name: string | undefined;
  readonly value: string;
}

const QUOTED_NAME = /^"((?:[^"]|"")+)"=/;

/** The value of a single-column key if it is written as `column=value`; undefined if the whole text is the value. */
function namedValue(text: string, { columns, key }: Table): { name: string; value: string } | undefined {
  const quoted = QUOTED_NAME.exec(text);
  const names = columns.map(({ name }) => name);
  const plain = [...key.map(({ name }) => name), ...names].find((name) => text.startsWith(`${name}=`));
  const name = quoted === null ? plain : quoted[1]?.replaceAll('""', '"');
  if (name === undefined || !names.includes(name)) return undefined;
  return { name, value: text.slice(quoted === null ? name.length + 1 : quoted[0].length) };
}

/** Splits `a=1,"b,c"=x` at commas that are neither in a quoted name nor behind a backslash. */
function partsOf(text: string): readonly Part[] {
  const parts: Part[] = [];
  for (let rest = text; rest !== ''; ) {
    const quoted = QUOTED_NAME.exec(rest);
    const own = rest.slice(quoted?.[0].length ?? 0);
    const [value = ''] = /^(?:\\[\s\S]|[^,\\])*/.exec(own) ?? [];
    // A single backslash at the end escapes nothing.
    const taken = own[value.length] === '\\' ? own : value;
    parts.push(partOf(quoted?.[1]?.replaceAll('""', '"'), taken.replaceAll(/\\([,\\])/g, '$1')));
    rest = own.slice(taken.length + 1);
  }
  return parts;
}

function partOf(quoted: string | undefined, text: string): Part {
  if (quoted !== undefined) return { name: quoted, value: text };
  const at = text.indexOf('=');
  return at < 0 ? { name: undefined, value: text } : { name: text.slice(0, at), value: text.slice(at + 1) };
}

/** A column's name as a person has to write it in a key. */
function writtenName(name: string): string {
  return /[,="\\]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
